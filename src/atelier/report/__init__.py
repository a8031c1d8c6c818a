"""What people look at: tables beside the paper's, figures, contact sheets, the report page, tables over experiments.

Public: `experiment_tables`, `experiments`, `format`, `seed_tables`, `gather`, `page`, `verdict`, `write`.
"""
