"""`atelier clean`: what is listed, and what is removed."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from atelier.cli import main
from atelier.common.checkpoints import RUN, CheckpointStore, open_store


@pytest.fixture
def stores(tmp_path, monkeypatch) -> dict[str, CheckpointStore]:
    """Checkpoints of interrupted runs: one that can be resumed, and one for each reason why not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    changes = {
        "resumable": {}, "torch": {"torch": "1.0"}, "code": {"code": {"training": "0", "gone": "0"}},
        "data": {"inputs": {"rows": "0"}}, "gone": {"inputs": {"none": "0"}}, "unknown": {"stage": None}, "owned": {},
        "script": {"scripts": {"pretrain": "0"}},
    }  # fmt: skip
    (tmp_path / "rows").write_text("one")
    found = {}
    for name, change in changes.items():
        found[name] = store = open_store({"stage": "train", "settings": {"name": name}}, inputs=["rows"])
        store.save(1, {"weight": torch.zeros(250_000)}, {})
        facts = {**store.facts, **change}
        facts = {key: value for key, value in facts.items() if value is not None}
        (store.folder / RUN).write_text(json.dumps(facts))
    return found


def run(*words: str) -> dict[str, str]:
    """Run the command; return each store's line by the store's name, and the last line as `total`."""
    result = CliRunner().invoke(main, ["clean", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    *lines, total = result.stdout.splitlines()
    return {Path(line.split("  ")[0]).name: line for line in lines} | {"total": total}


REASONS = {
    "resumable": "train  can be resumed", "torch": "made with torch 1.0", "gone": "none is gone",
    "code": "the code of training, gone has changed", "data": "rows has changed",
    "script": "the code of pretrain has changed", "unknown": "no readable record",
    "owned": "in use",
}  # fmt: skip


def test_only_what_nothing_can_resume_is_removed(stores):
    keys = {name: store.folder.name for name, store in stores.items()}
    with stores["owned"].lock():
        listed = run()
        removed = run("--remove")
        assert {name for name, store in stores.items() if store.folder.exists()} == {"resumable", "owned"}
    for name, reason in REASONS.items():
        assert reason in listed[keys[name]], name
        assert "1.0 MB" in listed[keys[name]]
        assert ("removed: " in removed[keys[name]]) is (name not in {"resumable", "owned"})
    assert listed["total"] == "8.0 MB in checkpoints"
    assert removed["total"] == "8.0 MB in checkpoints, 6.0 MB removed"
    assert set(run("--remove", "--all")) == {keys["resumable"], keys["owned"], "total"}
    assert run() == {"total": "0.0 MB in checkpoints"}
