"""Statistics, plain tables and figures.

Public: `agreement`, `bootstrap`, `estimate`, `figure`, `tables`.
"""
