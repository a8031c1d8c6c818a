"""A/B preference study: which of two pictures do people (`atelier survey`) and models (`atelier judge`) prefer?

Public: `answers`, `client`, `judge`, `links`, `pairs`, `score`, `server`, `survey`, `tables`.
The package imports only `stats` and `common`.
"""
