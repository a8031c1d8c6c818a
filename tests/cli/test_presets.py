"""Presets change only their own values; full-size and back to embedded restores params.yaml to the byte."""

import re
import shutil
from pathlib import Path

import pytest
from import_graph import ROOT
from ruamel.yaml import YAML

from atelier.common.errors import UserError
from atelier.config import presets, read_params
from atelier.config.presets import apply_preset, preset_names, read_preset

SHIPPED = ROOT / "params.yaml"


@pytest.fixture(name="params")
def _params(tmp_path: Path) -> Path:
    return Path(shutil.copy(SHIPPED, tmp_path))


def flat(values: dict[str, dict]) -> dict[str, object]:
    return {f"{section}.{key}": value for section, pairs in values.items() for key, value in pairs.items()}


def test_the_embedded_preset_has_the_shipped_values_and_sets_the_same_keys_as_full_size():
    """Therefore each reverts the other."""
    assert preset_names() == ["embedded", "full-size"]
    shipped, embedded = flat(read_params(SHIPPED).model_dump()), flat(read_preset("embedded"))
    assert {key: shipped[key] for key in embedded} == embedded
    assert list(embedded) == list(flat(read_preset("full-size")))


def test_a_preset_changes_its_values_in_the_file_s_order_and_nothing_else(params):
    before, wanted = flat(read_params(params).model_dump()), flat(read_preset("full-size"))
    changes = apply_preset("full-size", params)
    after = flat(read_params(params).model_dump())
    assert after == before | wanted
    in_order = [key for key in flat(YAML(typ="safe").load(SHIPPED)) if before[key] != after[key]]
    assert [(one.key, one.old, one.new) for one in changes] == [(key, before[key], after[key]) for key in in_order]
    assert in_order[0] == "models.editor"
    texts, shipped = (re.findall("#.*", file.read_text()) for file in (params, SHIPPED))
    assert texts == shipped


def test_a_second_call_changes_nothing_and_embedded_restores_the_file_to_the_byte(params):
    apply_preset("full-size", params)
    written, at = params.read_bytes(), params.stat().st_mtime_ns
    assert written != SHIPPED.read_bytes()
    assert apply_preset("full-size", params) == []
    assert (params.read_bytes(), params.stat().st_mtime_ns) == (written, at)
    apply_preset("embedded", params)
    assert params.read_bytes() == SHIPPED.read_bytes()


def test_a_link_stays_a_link_and_an_alias_an_alias(params, recwarn):
    params.write_text(
        params.read_text().replace("threads: 2 ", "threads: &n 2 ").replace("patience: 2 ", "patience: *n ")
    )
    link = params.with_name("link.yaml")
    link.symlink_to(params.name)
    apply_preset("full-size", link)
    assert link.is_symlink()
    assert (read_params(params).prepare.size, read_params(params).train.patience) == (512, 2)
    assert len(recwarn) == 0


def test_other_values_and_comments_of_the_user_stay(params):
    text = params.read_text().replace("  weight_decay: 0.01  ", "  weight_decay: 0.03  ").replace("# AdamW", "# mine")
    params.write_text(text)
    apply_preset("full-size", params)
    assert read_params(params).train.weight_decay == 0.03
    assert "# mine" in params.read_text()
    with pytest.raises(UserError, match="no preset 'huge'; one of embedded, full-size"):
        apply_preset("huge", params)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\ntrain:\n", "\ntrain:\n  wrong_key: 1\n", r"params\.yaml: train\.wrong_key"),
        ("  epochs: 4 ", "  epochs: none ", r"params\.yaml: train\.epochs"),
        ("\npair:\n", "\npairs:\n", r"params\.yaml: pair"),
    ],
)
def test_an_invalid_parameters_file_is_refused_and_not_changed(params, old, new, reason):
    text = params.read_text().replace(old, new)
    assert text != params.read_text()
    params.write_text(text)
    with pytest.raises(UserError, match=reason):
        apply_preset("full-size", params)
    assert params.read_text() == text


@pytest.mark.parametrize(
    ("preset", "reason"),
    [
        ("train:\n  wrong_key: 1\n", r"train\.wrong_key is not a parameter, but the preset mine sets it"),
        ("train:\n  epochs: none\n", r"params\.yaml: train\.epochs: Input should be a valid integer"),
    ],
)
def test_a_preset_that_does_not_fit_is_refused_and_changes_nothing(params, monkeypatch, tmp_path, preset, reason):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mine.yaml").write_text(preset)
    monkeypatch.setattr(presets, "_FOLDER", tmp_path / "presets")
    with pytest.raises(UserError, match=reason) as refusal:
        apply_preset("mine", params)
    assert "partial" not in str(refusal.value)
    assert params.read_bytes() == SHIPPED.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "presets"]
