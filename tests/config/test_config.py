"""Parameters: the shipped file is read with its types; errors are one line that names the key."""

from typing import get_args

import pytest
from fixtures_config import SHIPPED, refusal, write
from pydantic import ValidationError

from atelier.config import Train, read_params
from atelier.training.edit.block_sets import BLOCK_SETS


def test_shipped_parameters_are_read_with_their_types():
    train = read_params(SHIPPED).train
    assert isinstance(train.lr, float)
    assert isinstance(train.epochs, int)
    assert train.unfreeze in BLOCK_SETS
    assert get_args(Train.model_fields["unfreeze"].annotation) == tuple(BLOCK_SETS)


def test_every_shipped_key_has_a_comment():
    lines = [line for line in SHIPPED.read_text().splitlines() if line.strip() and line.lstrip()[0] not in "#-"]
    assert [line for line in lines if "#" not in line and not line.rstrip().endswith(":")] == []


@pytest.mark.parametrize("number", ["5e-05", "5.0e-05", "0.00005", "5E-5"])
def test_a_float_as_dvc_writes_it_is_a_float_and_no_is_a_string(tmp_path, number):
    """`dvc exp run -S train.lr=5e-5` writes 5e-05, a string to a YAML 1.1 reader, to which `no` is a boolean."""
    path = write(tmp_path / "params.yaml", "train.lr", f"lr: {number}")
    assert read_params(path).train.lr == 5e-5
    assert read_params(write(path, "prepare.seen", "seen: no")).prepare.seen == "no"


@pytest.mark.parametrize(
    ("where", "line", "expected"),
    [
        ("train.lr", "learning_rate: 1.0e-4", ["train.", "Field required"]),  # a renamed key is also a missing one
        ("train.lr", "lr: 1.0e-4\n  momentum: 0.9", ["train.momentum", "not permitted"]),
        ("train.seed", "seed: 7\nteach:\n  lr: 1", ["teach", "not permitted"]),
        ("train.epochs", "epochs: four", ["train.epochs", "valid integer", "'four'"]),
        ("train.epochs", "epochs: 2.5", ["train.epochs", "valid integer", "2.5"]),
        ("train.epochs", "epochs: 0", ["train.epochs", "greater than or equal to 1", "0"]),
        ("train.epochs", "epochs: [4]", ["train.epochs", "valid integer"]),
        ("train.lr", "lr: -1", ["train.lr", "greater than 0", "-1"]),
        ("train.lr", "lr: true", ["train.lr", "valid number", "(it is true)"]),
        ("train.lr", "lr:", ["train.lr", "valid number", "(it is null)"]),
        ("train.gradient_checkpointing", "gradient_checkpointing: 'yes'", ["true or false", "(it is 'yes')"]),
        ("train.lr", "lr: .nan", ["train.lr", "finite"]),
        ("train.lr", "lr: .inf", ["train.lr", "finite"]),
        ("prepare.size", "size: 65", ["prepare.size", "multiple of 8", "65"]),
        ("prepare.fit", "fit: stretch", ["prepare.fit", "'letterbox' or 'crop'", "'stretch'"]),
        ("prepare.max_refused", "max_refused: 1.05", ["prepare.max_refused", "less than or equal to 1"]),
        ("pair.aligned", "aligned: -0.1", ["pair.aligned", "greater than or equal to 0"]),
        ("mask.box_scale", "box_scale: 0.9", ["mask.box_scale", "greater than or equal to 1"]),
        ("train.unfreeze", "unfreeze: attn+up", ["train.unfreeze", "'attn+mid+res'", "'attn+up'"]),
        ("train.unfreeze", "unfreeze: ''", ["train.unfreeze", "'attn+mid'", "''"]),
        ("train.drop_both", "drop_both: 0.95", ["train", "drop_text + drop_image + drop_both exceeds 1"]),
        ("train.method", "method: sorcery", ["train.method", "'selective'", "'sorcery'"]),
        ("models.device", "device: tpu", ["models.device", "'tpu'"]),
        ("generate.steps", "steps: 0", ["generate.steps", "greater than or equal to 1"]),
        ("evaluate.draws", "draws: 10", ["evaluate.draws", "greater than or equal to 100"]),
    ],
)
def test_an_error_is_one_line_that_names_the_key(tmp_path, where, line, expected):
    message = refusal(write(tmp_path / "params.yaml", where, line))
    assert [part for part in expected if part not in message] == []


def test_a_missing_file_and_files_without_sections(tmp_path):
    path = tmp_path / "params.yaml"
    assert "No such file" in refusal(path)
    for text, expected in (("a: [1", "not YAML"), ("", "no sections"), ("- 1\n", "no sections")):
        path.write_text(text)
        assert expected in refusal(path), text


def test_parameters_cannot_be_changed_after_reading():
    params = read_params(SHIPPED)
    with pytest.raises(ValidationError, match="frozen"):
        params.train.lr = 1.0
