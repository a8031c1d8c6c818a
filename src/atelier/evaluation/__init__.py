"""Evaluation: load samples, score them and the guidance sweep, summarise. Import the modules by name.

Public: `batches`, `evaluate`, `origin`, `samples`, `score`, `summary`.
"""
