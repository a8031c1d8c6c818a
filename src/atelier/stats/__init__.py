"""Statistics: bootstrap and permutation tests, estimates with intervals, agreement of raters; plain tables.

Public: `agreement`, `bootstrap`, `estimate`, `tables`.
"""
