"""Watch and cancel an edit; find a mask alone; repeat a record of several editors."""

import shutil

import numpy as np
import pytest
from fixtures_cli_edit import WORDS, pixels, run_edit
from fixtures_finetuned import finetune_selectively

import atelier
from atelier.editing.photo_editor import repeat

pytestmark = pytest.mark.usefixtures("edit_project")


class StopError(Exception):
    pass


def test_each_sampling_step_is_announced_and_changes_nothing():
    editor, seen = atelier.load(), []
    watched = editor.edit("small.png", WORDS, seed=1, steps=3, on_step=lambda: seen.append(1))
    assert len(seen) == 3
    list(editor.variants("small.png", WORDS, seeds=[1, 2], steps=2, on_step=lambda: seen.append(1)))
    assert len(seen) == 5  # the two are one batch
    plain = editor.edit("small.png", WORDS, seed=1, steps=3)
    assert len(seen) == 5
    np.testing.assert_array_equal(np.asarray(watched.picture), np.asarray(plain.picture))


def test_what_the_callback_raises_ends_the_edit_and_the_next_edit_is_not_watched():
    editor = atelier.load()

    def stop() -> None:
        raise StopError

    with pytest.raises(StopError):
        editor.edit("small.png", WORDS, on_step=stop)
    assert editor.edit("small.png", WORDS).picture.size == (96, 96)


def test_the_found_mask_is_that_of_an_edit():
    editor = atelier.load()
    mask, notes = editor.find("hopper.jpg", WORDS)
    edited = editor.edit("hopper.jpg", WORDS)
    np.testing.assert_array_equal(np.asarray(mask), np.asarray(edited.mask))
    assert notes == edited.notes
    with pytest.raises(atelier.UserError, match="no trousers found"):
        editor.find("hopper.jpg", "make the trousers red")


def test_a_record_of_two_editors_is_repeated_with_both(edit_networks, tmp_path):
    finetune_selectively(tmp_path / "tuned", edit_networks["editor"])
    base, tuned = atelier.load(edit_networks["editor"]), atelier.load("tuned")
    second = tuned.again(base.edit("small.png", WORDS, seed=2), "make the shirt blue", seed=3)
    second.record.write("edit.json")
    result = run_edit("small.png", "--from", "edit.json", "-o", "again.png")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(pixels("again.png"), np.asarray(second.picture))
    shutil.copy("small.png", "copy.png")
    same = repeat("copy.png", second.record, lambda turn: tuned if turn.editor == "tuned" else base)
    np.testing.assert_array_equal(np.asarray(same.picture), np.asarray(second.picture))
