"""What people look at: contact sheets, tables beside the paper's, curves."""
