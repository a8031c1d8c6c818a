"""Numbers and how they are written: Markdown and CSV tables."""
