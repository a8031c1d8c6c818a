"""`import atelier`: load, edit, edit again, repeat from a record; and the same from the command line."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from fixtures_cli_edit import WORDS, pixels, run_edit
from PIL import Image

import atelier
from atelier.cli.edit import KEEP
from atelier.config import KeepMode
from atelier.images.photo import open_photograph

pytestmark = pytest.mark.usefixtures("edit_project")


@pytest.fixture(name="editor")
def _editor(edit_project) -> atelier.PhotoEditor:
    return atelier.load()


def half_mask() -> np.ndarray:
    mask = np.zeros((96, 96), bool)
    mask[10:50, 20:90] = True
    return mask


def test_an_edit_equals_the_command_lines_and_changes_nothing_outside_its_mask(editor):
    Image.fromarray(half_mask()).save("mask.png")
    assert run_edit("small.png", WORDS, "-o", "cli.png", "--mask", "mask.png", "--seed", "7").exit_code == 0
    given = {"file": "mask.png", "array": half_mask(), "image": Image.open("mask.png")}
    made = {name: editor.edit("small.png", WORDS, mask=mask, seed=7) for name, mask in given.items()}
    for one in made.values():
        np.testing.assert_array_equal(np.asarray(one.picture), pixels("cli.png"))
        np.testing.assert_array_equal(np.asarray(one.mask) == 255, half_mask())
        assert one.record == made["file"].record.model_copy(update={"picture": one.record.picture})
    np.testing.assert_array_equal(pixels("cli.png")[~half_mask()], pixels("small.png")[~half_mask()])
    assert (pixels("cli.png") != pixels("small.png")).any()


def test_pictures_may_be_files_images_or_arrays_and_keep_size_orientation_and_profile(editor):
    profile = Image.open("hopper.jpg").info.get("icc_profile")
    turned = Image.open("hopper.jpg")
    turned.getexif()[0x0112] = 6  # a quarter turn
    turned.save("turned.jpg", exif=turned.getexif(), icc_profile=profile)
    upright = open_photograph(Path("turned.jpg"), 32).own_pixels
    edits = [
        editor.edit(one, WORDS, mask="none") for one in ("turned.jpg", Path("turned.jpg"), Image.open("turned.jpg"))
    ]
    assert {one.picture.size for one in edits} == {upright.shape[1::-1]}
    assert len({one.record.picture_sha256 for one in edits}) == 1
    assert [one.record.picture for one in edits] == ["turned.jpg", "turned.jpg", "picture"]
    assert all(one.picture.info.get("icc_profile") == profile for one in edits)
    assert editor.edit(pixels("small.png"), WORDS, mask="none").mask is None


def test_variants_are_the_edits_of_their_seeds(editor):
    several = list(editor.variants("small.png", WORDS, seeds=[3, 4], mask="none", steps=1))
    single = [editor.edit("small.png", WORDS, seed=seed, mask="none", steps=1) for seed in (3, 4)]
    for one, other in zip(several, single, strict=True):
        assert np.abs(np.asarray(one.picture, np.int16) - np.asarray(other.picture, np.int16)).max() <= 1
        assert one.record == other.record
    assert [one.record.turns[0].seed for one in several] == [3, 4]


def test_a_record_repeats_all_turns_to_the_byte_in_python_and_from_the_command_line(editor):
    first = editor.edit("small.png", WORDS, mask=half_mask(), seed=2, guidance_text=5.0)
    second = editor.again(first, "make the shirt blue", mask="none", seed=9, steps=3)
    assert [turn.instruction for turn in second.record.turns] == [WORDS, "make the shirt blue"]
    second.record.write(Path("edit.json"))
    read = atelier.read_record(Path("edit.json"))
    assert read == second.record
    np.testing.assert_array_equal(np.asarray(editor.repeat("small.png", read).picture), np.asarray(second.picture))
    result = run_edit("small.png", "--from", "edit.json", "-o", "again.png")
    assert (result.exit_code, result.stdout) == (0, "again.png\n"), result.output
    np.testing.assert_array_equal(pixels("again.png"), np.asarray(second.picture))


def test_the_command_line_writes_the_record_that_repeats_its_edit():
    made = run_edit("hopper.jpg", WORDS, "-o", "a.png", "--record", "a.json", "--seed", "8", "--steps", "3")
    assert (made.exit_code, made.stdout) == (0, "a.png\na.json\n")
    again = run_edit("hopper.jpg", "--from", "a.json", "-o", "b.png", "--save-mask", "m.png")
    assert (again.exit_code, again.stdout) == (0, "b.png\nm.png\n")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    (turn,) = json.loads(Path("a.json").read_text())["turns"]
    assert (turn["mask"], turn["seed"], turn["steps"]) == ("none", 8, 3)  # the whole picture was found
    assert (pixels("m.png") == 255).all()


def read_inline(mask: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(mask.partition(",")[2]))) as opened:
        return np.asarray(opened.convert("L")) == 255


def test_a_found_mask_is_repeated_without_the_segmenter(editor, monkeypatch):
    """Another segmenter would find another mask, and the edit would be another."""

    def find_half(_search, edits):
        return [replace(one, mask=half_mask()) for one in edits]

    monkeypatch.setattr("atelier.sampling.photos.find_masks", find_half)
    made = editor.edit("small.png", WORDS)
    np.testing.assert_array_equal(read_inline(made.record.turns[0].mask), half_mask())
    monkeypatch.setattr("atelier.sampling.photos.find_masks", None)
    again = editor.repeat("small.png", made.record)
    np.testing.assert_array_equal(np.asarray(again.picture), np.asarray(made.picture))


@pytest.mark.parametrize("keep", ["latent", "consistent"])
def test_what_is_kept_while_sampling_stands_in_the_record_and_is_repeated(editor, keep):
    plain = editor.edit("small.png", WORDS, mask=half_mask(), seed=2)
    kept = editor.edit("small.png", WORDS, mask=half_mask(), seed=2, keep=keep)
    assert keep != "latent" or (np.asarray(kept.picture) != np.asarray(plain.picture)).any()
    np.testing.assert_array_equal(np.asarray(kept.picture)[~half_mask()], pixels("small.png")[~half_mask()])
    assert "keep" not in plain.facts["turns"][0]  # as versions wrote it that could not
    kept.record.write("kept.json")
    (turn,) = json.loads(Path("kept.json").read_text())["turns"]
    assert (turn["keep"], turn["keep_threshold"]) == (keep, 0.3)
    other = atelier.PhotoEditor(  # whose parameters say otherwise
        replace(editor.settings, generate=editor.settings.generate.model_copy(update={"keep_threshold": 9.0}))
    )
    again = other.repeat("small.png", atelier.read_record("kept.json"))
    np.testing.assert_array_equal(np.asarray(again.picture), np.asarray(kept.picture))


def test_keep_is_an_option_of_the_command_line_and_where_the_whole_picture_is_found_keeps_nothing(editor):
    assert list(get_args(KeepMode)) == KEEP
    Image.fromarray(half_mask()).save("mask.png")
    words = ["small.png", WORDS, "--seed", "2"]
    made = run_edit(*words, "-o", "a.png", "--mask", "mask.png", "--keep", "latent", "--record", "a.json")
    assert made.exit_code == 0, made.output
    expected = editor.edit("small.png", WORDS, mask="mask.png", seed=2, keep="latent")
    np.testing.assert_array_equal(pixels("a.png"), np.asarray(expected.picture))
    assert run_edit("small.png", "--from", "a.json", "-o", "b.png").exit_code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    found = run_edit(*words, "-o", "c.png", "--keep", "latent", "--record", "c.json")
    assert found.exit_code == 0, found.output
    assert run_edit("small.png", "--from", "c.json", "-o", "d.png").exit_code == 0
    assert Path("c.png").read_bytes() == Path("d.png").read_bytes()


def test_another_picture_or_another_editor_is_refused(editor):
    record = editor.edit("small.png", WORDS, mask="none").record
    with pytest.raises(atelier.UserError, match=r"hopper.jpg: not the picture of this record"):
        editor.repeat("hopper.jpg", record)
    other = record.model_copy(update={"turns": [record.turns[0].model_copy(update={"editor_sha256": "0" * 64})]})
    with pytest.raises(atelier.UserError, match=r"not the editor that made this edit"):
        editor.repeat("small.png", other)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["small.png", WORDS, "--from", "edit.json", "-o", "o.png"], "INSTRUCTION: --from repeats"),
        (["small.png", "--from", "edit.json", "-o", "o.png", "--steps", "3"], "--steps: --from repeats"),
        (["small.png", "--from", "edit.json", "-o", "o.png", "--mask", "none"], "--mask: --from repeats"),
        (["small.png", "--from", "edit.json"], "expected PHOTO --from RECORD.json -o OUT"),
        (["small.png", "--from", "missing.json", "-o", "o.png"], "missing.json"),
        (["small.png", "--from", "edit.json", "-o", "o.png"], "edit.json: turns: "),
        (["small.png", "--from", "edit.json", "-o", "o.png", "--keep", "latent"], "--keep: --from repeats"),
        (["small.png", WORDS, "-o", "o.png", "--mask", "none", "--keep", "latent"], "keep latent needs a mask"),
        (["small.png", WORDS, "-o", "o.png", "--mask", "none", "--keep", "composite"], "keep composite needs a mask"),
        (["small.png", WORDS, "-o", "o.png", "--keep", "all"], "--keep"),
        (["small.png", WORDS, "-o", "o.png", "--record", "o.txt"], "expected a record as .json"),
        (["small.png", WORDS, "-o", "o.png", "--record", "o.json", "--seeds", "2"], "--record is for one edit"),
    ],
)
def test_wrong_use_ends_in_one_line_and_writes_nothing(words, told):
    Path("edit.json").write_text(json.dumps({"picture_sha256": "0" * 64, "turns": []}))
    before = sorted(path.name for path in Path().iterdir())
    result = run_edit(*words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(path.name for path in Path().iterdir()) == before


@pytest.mark.parametrize(
    ("picture", "options", "told"),
    [
        ("none.png", {}, "none.png"),
        (np.zeros((8, 8, 3)), {}, "expected uint8"),
        (None, {}, "expected a file, a PIL image or an array"),
        ("small.png", {"mask": np.zeros((96, 96), bool)}, "expected white where"),
        ("small.png", {"mask": "none", "steps": 0}, "steps: "),
        ("small.png", {"mask": "none", "keep": "all"}, "keep: "),
        ("small.png", {"mask": "none", "keep": "latent"}, "keep latent needs a mask"),
        ("small.png", {"mask": "none", "seed": -1}, "seed: "),
    ],
)
def test_wrong_input_is_told_in_one_line(editor, picture, options, told):
    with pytest.raises(atelier.UserError) as caught:
        editor.edit(picture, WORDS, **options)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_instruction_is_refused(editor):
    with pytest.raises(atelier.UserError, match="the instruction is empty"):
        editor.edit("small.png", " ")


def test_the_found_mask_and_the_notes_are_returned(editor):
    edited = editor.edit("hopper.jpg", WORDS)
    assert any(note.startswith("found shirt: 100.0 %") for note in edited.notes)
    assert edited.mask.size == edited.picture.size
    assert edited.facts["notes"] == list(edited.notes)
    assert edited.facts["turns"][0]["mask"] == "none"  # that is, everywhere
