"""Metrics of an edit: one module per family; functions score one image or one batch."""
