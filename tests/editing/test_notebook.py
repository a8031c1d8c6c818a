"""The notebook of docs/ runs from its first cell to its last."""

import json

import pytest
from import_graph import ROOT


@pytest.mark.slow
def test_the_notebook_runs(monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    monkeypatch.setattr("atelier.editing.settings.FINETUNED", ROOT / "none")  # with or without a fine-tuned editor
    cells = json.loads((ROOT / "docs/python.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], "python.ipynb", "exec"), names)
    assert len(names["variants"]) == 3
    assert names["again"].picture.size == (512, 512)
