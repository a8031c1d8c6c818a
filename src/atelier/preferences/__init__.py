"""A/B preference study: which of two pictures do people (`atelier survey`) and models (`atelier judge`) prefer?

Public: `pairs` (what is compared), `survey` and `server` (people), `client` and `judge` (models), `answers` (the file
format), `score` and `tables` (results). The package imports only `stats` and `common`.
"""
