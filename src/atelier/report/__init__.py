"""What people look at: contact sheets, tables beside the paper's, curves.

Public: `comparison`, `experiments`, `gather`, `page`, `seed_spread`, `write`.
"""
