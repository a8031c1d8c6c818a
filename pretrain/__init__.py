"""How the embedded base models were made. Not part of `dvc repro` at the root; `dvc repro pretrain/dvc.yaml` makes them again."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
