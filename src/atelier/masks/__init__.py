"""Mask stage: garment segmentation → trimaps.

Public: `make`, `predict`, `segformer`, `trimap`.
"""
