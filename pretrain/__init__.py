"""How the embedded base models were made: `dvc repro pretrain/editor/dvc.yaml` (not part of `dvc repro` at the root)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
