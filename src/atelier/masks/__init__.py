"""Mask stage: garment segmentation → trimaps.

Public: `check_sheet`, `make`, `predict`, `segformer`, `trimap`.
"""
