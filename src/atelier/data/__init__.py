"""Prepare stage: published schemas → rows → splits.

Public: `prepare`.
"""
