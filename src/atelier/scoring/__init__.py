"""Measures for edits made anywhere: the work of `atelier score`.

Public: `folders`, `run`, `table`.
"""
