"""What an edit is scored with: each module one family of measures, each function one picture or one batch at a time."""
