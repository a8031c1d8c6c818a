"""Rendered data: `fashion` (the editing study), `products` (logo and insertion), `poses` (anomaly).

Public: `fashion`, `poses`, `products`.
"""
