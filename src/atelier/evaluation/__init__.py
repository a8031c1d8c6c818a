"""Evaluation stage: score every sample, sweep the guidance, summarise. Import the modules by name.

Public: `batches`, `evaluate`, `samples`, `score`, `summary`.
"""
