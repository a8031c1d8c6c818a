"""Metrics, one module per family; `registry` lists them all.

Public: `anatomy`, `augmentation`, `average_precision`, `boundary`, `clip`, `clip_choice`, `clip_concept`,
`clip_garment`, `colour`, `definitions`, `detector`, `drift`, `frechet`, `frontier`, `leakage`, `lpips`, `memorisation`,
`ocr`, `pairwise`, `pixel`, `regions`, `registry`.
"""
