"""What people look at: contact sheets, tables beside the paper's, curves.

Public: `comparison`, `edit_sheets`, `experiments`, `figures`, `gather`, `page`, `seed_spread`, `tables`, `write`.
"""
