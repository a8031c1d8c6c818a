"""Pretraining of the models in `models/base`: `make pipeline DIR=pretrain/editor`, likewise `sd` and `sd3`.

These pipelines are not part of `dvc repro` at the root.
"""
