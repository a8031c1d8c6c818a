"""Statistics and plain tables: `bootstrap`, `estimate`, `agreement`, `tables`.

Public: `agreement`, `bootstrap`, `estimate`, `tables`.
"""
