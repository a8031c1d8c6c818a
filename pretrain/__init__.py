"""How the embedded base models were made: `dvc repro pretrain/editor/dvc.yaml`, and likewise `sd` and `sd3`.

These pipelines are not part of `dvc repro` at the root.
"""
