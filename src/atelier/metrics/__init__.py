"""Metrics, one module a family; `registry` names them all.

Public: `anatomy`, `average_precision`, `clip`, `clip_choice`, `clip_concept`, `clip_garment`, `colour`, `detector`,
`frechet`, `frontier`, `leakage`, `lpips`, `memorisation`, `ocr`, `pairwise`, `pixel`, `regions`, `registry`.
"""
