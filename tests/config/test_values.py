"""Parameters are strict: a key takes values of its type within its bounds, and a refusal is one line with the key."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from fixtures_config import SHIPPED, refusal, write
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.common.errors import UserError, short_repr
from atelier.config import Params, check_section, fields, read_params

READ = read_params(SHIPPED).model_dump()
VALUES = {f"{section}.{key}": value for section, pairs in READ.items() for key, value in pairs.items()}
FLAGS = [key for key, value in VALUES.items() if isinstance(value, bool)]
WHOLE = [key for key, value in VALUES.items() if isinstance(value, int) and key not in FLAGS]
FRACTIONS = [key for key, value in VALUES.items() if isinstance(value, float)]
TEXTS = [key for key, value in VALUES.items() if isinstance(value, str)]
CHOICES = ["models.dtype", "models.device", "prepare.fit", "prepare.seen_schema", "prepare.unseen_schema",
           "train.loss", "train.method", "train.optimizer", "train.unfreeze", "generate.keep"]  # fmt: skip
NAMES = ["models.editor", "models.clip", "models.lpips", "models.segmenter", "prepare.seen", "prepare.unseen"]
SCALES = ["generate.sweep_text", "generate.sweep_image"]


def changed(folder: Path, override: str) -> Path:
    """Copy the shipped parameters and change them as `dvc exp run -S` does; return the path."""
    path = Path(shutil.copy(SHIPPED, folder / "params.yaml"))
    apply_overrides(path, [override])
    return path


def replaced(key: str, value: Any) -> dict[str, dict[str, Any]]:
    """Return the shipped values with one replaced, as they come from YAML."""
    section, _, name = key.partition(".")
    return READ | {section: READ[section] | {name: value}}


def accepts(key: str, value: Any) -> bool:
    """Tell whether a value is taken; if not, the refusal must be one short line that names the key."""
    try:
        check_section(Params, replaced(key, value), "params.yaml")
    except UserError as error:
        message = str(error)
    else:
        return True
    assert message.startswith(f"params.yaml: {key}: ")
    assert message.isprintable()
    assert len(message) < 400
    return False


@pytest.mark.parametrize("key", WHOLE + FRACTIONS)
def test_no_number_takes_another_type_or_more_than_a_machine_can_meet(key):
    wrong = (True, False, "1", "yes", "", None, [1], {"a": 1}, math.nan, math.inf, 10**30, 10**400, 1e30, -1e-9, -1)
    assert [short_repr(value) for value in wrong if accepts(key, value)] == []


@pytest.mark.parametrize("key", WHOLE)
def test_a_whole_number_has_no_decimal_point(key):
    assert accepts(key, VALUES[key])
    assert not accepts(key, float(VALUES[key]))
    assert not accepts(key, VALUES[key] + 0.5)


@pytest.mark.parametrize("key", FRACTIONS)
def test_a_number_may_be_written_without_a_decimal_point(key):
    assert accepts(key, 0) or accepts(key, 1)


@pytest.mark.parametrize("key", FLAGS)
def test_a_boolean_is_true_or_false_alone(key):
    assert accepts(key, True)
    wrong = ("yes", "no", "on", "true", "True", "", 1, 0, 1.0, None, [True])
    assert [value for value in wrong if accepts(key, value)] == []


@pytest.mark.parametrize("key", TEXTS)
def test_a_text_is_neither_a_boolean_nor_nothing_nor_of_several_lines(key):
    other_types = (True, False, None, [], ["a"], {}, b"a", math.nan)
    wrong = (*other_types, "a\nb", "a\0b", "\ud800", "a\x1b[31m", "a" * 1_000_000)
    assert [short_repr(value) for value in wrong if accepts(key, value)] == []


@pytest.mark.parametrize("key", NAMES)
def test_a_name_is_not_empty_and_one_that_is_a_number_is_taken_as_written(tmp_path, key):
    wrong = ("", " ", "\t", "n" * 256, "a/" + "é" * 128, "a/" * 2001, 1.5, 1e3, 10**5000)
    assert [short_repr(value) for value in wrong if accepts(key, value)] == []
    section, _, name = key.partition(".")
    numbers, dates = ("2024", "007", "1_000", "+5", "-5", "0x1F", "0o17"), ("2024-01-01", "2024-13-45")
    for text in (*numbers, *dates, "no", "1.2.3", "é" * 127):
        read = read_params(write(tmp_path / "params.yaml", key, f"{name}: {text}"))
        assert getattr(getattr(read, section), name) == text


@settings(max_examples=60)
@given(key=st.sampled_from(TEXTS), number=st.integers(-(10**9), 10**9))
def test_a_whole_number_stands_for_its_text_where_a_text_is_free(key, number):
    free = key not in CHOICES and (key not in SCALES or 0 <= number <= 1000)
    assert accepts(key, number) == free
    if free:
        section, _, name = key.partition(".")
        assert getattr(getattr(check_section(Params, replaced(key, number), ""), section), name) == str(number)


@pytest.mark.parametrize("key", SCALES)
def test_one_scale_is_a_list_of_one(tmp_path, key):
    name = key.partition(".")[2]
    for text, expected in (
        ("1.2", [1.2]),
        ("3", [3]),
        ("'1.2'", [1.2]),
        ("1e-3", [0.001]),
        ("0", [0]),
        ("1.0+1.5", [1, 1.5]),
    ):
        path = write(tmp_path / "params.yaml", key, f"{name}: {text}")
        assert fields.parse_scales(getattr(read_params(path).generate, name)) == expected
    wrong = (math.inf, -1.0, 1001, "nan", "inf", "1.0+nan", "1e400", "1+1.0", "1+", "+", "", "a", "1,2", [1.0, 1.5])
    assert [value for value in (*wrong, "+".join(map(str, range(33)))) if accepts(key, value)] == []


@pytest.mark.parametrize("value", ["", "+", "to_q++to_k", "+to_q", " ", True])
def test_a_list_of_names_has_no_empty_one(value):
    assert not accepts("train.lora_targets", value)


@pytest.mark.parametrize("override", [
    "train.lr=true", "train.lr=yes", "train.lr='3'", "train.lr=null", "train.lr=", "train.lr=[1]", "train.lr={a:1}",
    "train.lr=nan", "train.lr=inf", "train.lr=-inf", "train.lr=1e30", "train.lr=0", "train.lr=-1",
    "train.gradient_checkpointing=yes", "train.gradient_checkpointing=1", "train.gradient_checkpointing=0",
    "train.gradient_checkpointing='true'", "train.gradient_checkpointing=null", "train.epochs=true",
    "train.epochs=1.5", "train.epochs=1e3", "train.epochs=1.0", "train.epochs=1e30", "train.epochs=0",
    f"train.epochs={10**30}", "train.seed=2147483648", "train.seed=-1", "train.seed=7.0", "prepare.seen=",
    "prepare.seen='  '", "prepare.seen=null", "prepare.seen=true", "prepare.seen=1.50", "prepare.seen=[a,b]",
    "prepare.size=4096", "prepare.size=64.0", "models.threads=1000000000", f"pair.triplets={10**30}",
    "evaluate.draws=100000000", "generate.sweep_text=abc", "generate.sweep_text=1.0+nan", "generate.sweep_text=inf",
    "generate.sweep_text=true", "generate.sweep_text=", "generate.sweep_image=-1.5", "generate.sweep_image=1+1.0",
    "train.lora_targets=", "train.lora_targets=a++b", "train.batch_size=10000000", "train.launcher=''",
    "prepare.seen_schema=5", "models.device=0", "mask.box_scale=true", "train.optimizer=[adamw]",
])  # fmt: skip
def test_a_wrong_value_of_an_experiment_is_refused_with_its_key(tmp_path, override):
    """As `dvc exp run -S KEY=VALUE` parses the value and writes it into the file."""
    key = override.partition("=")[0]
    assert f"params.yaml: {key}: " in refusal(changed(tmp_path, override))


@pytest.mark.parametrize(("override", "expected"), [
    ("generate.sweep_text=1.20", "1.2"), ("generate.sweep_text=2", "2"), ("prepare.seen=2024", "2024"),
    ("prepare.seen=007", "007"), ("prepare.seen=2024-01-01", "2024-01-01"), ("prepare.seen=no", "no"),
    ("train.lr=1", 1.0), ("train.lr=5e-5", 5e-5), ("train.gradient_checkpointing=TRUE", True), ("train.epochs=1_0", 10),
])  # fmt: skip
def test_a_right_value_of_an_experiment_is_taken(tmp_path, override, expected):
    section, _, name = override.partition("=")[0].partition(".")
    value = getattr(getattr(read_params(changed(tmp_path, override)), section), name)
    assert (value, type(value)) == (expected, type(expected))


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(list(VALUES)),
)
def test_any_value_is_taken_or_refused_in_one_line(value, key):
    accepts(key, value)


def test_a_value_in_a_message_is_short_and_printable():
    for value in ("a" * 10**6, list(range(10**5)), 10**30, 1 << 10**5, {"a": ["b" * 10**6]}, "a\nb\x1b[1m\0"):
        text = short_repr(value)
        assert len(text) <= 61
        assert text.isprintable()
