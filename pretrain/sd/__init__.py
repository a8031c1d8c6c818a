"""How the embedded text-to-image base was made: `dvc repro pretrain/sd/dvc.yaml`."""
