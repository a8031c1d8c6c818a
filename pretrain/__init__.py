"""Pretraining of the models in `models/base`: `dvc repro pretrain/editor/dvc.yaml`, likewise `sd` and `sd3`.

These pipelines are not part of `dvc repro` at the root.
"""
