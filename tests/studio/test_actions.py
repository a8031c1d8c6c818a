"""Edits as the page makes them, on tiny networks: masks, variants, turns, two editors, files, warm-up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures_cli_edit import WORDS, pixels, run_edit
from fixtures_finetuned import finetune_selectively

import atelier
from atelier.cli import main
from atelier.studio.actions import Wanted, edit, find_region, warm_up, write_files
from atelier.studio.editors import LOADED, Editors
from atelier.studio.examples import write_examples
from atelier.studio.jobs import CancelledJobError, Job
from atelier.studio.pictures import Strokes
from atelier.studio.session import choose, go_on, open_session

pytestmark = pytest.mark.usefixtures("edit_project")


@pytest.fixture(name="editors")
def _editors(edit_networks, edit_project) -> Editors:
    finetune_selectively(Path("models/finetuned"), edit_networks["editor"])
    return Editors(Path("params.yaml"))


def wanted(**more) -> Wanted:
    return Wanted(**{"instruction": WORDS, "editor": "models/finetuned", "other": None, "seed": 3, "variants": 1,
                     "steps": 2, "guidance_text": 2.0, "guidance_image": 1.5} | more)  # fmt: skip


def box(top: int, bottom: int) -> np.ndarray:
    mask = np.zeros((96, 96), bool)
    mask[top:bottom] = True
    return mask


def test_two_turns_with_variants_painted_masks_and_two_editors_are_repeated_to_the_byte(
    editors, edit_networks, tmp_path
):
    job, session = Job("a"), open_session(Path("small.png"))
    session = edit(
        job, editors, session, wanted(variants=2, other=edit_networks["editor"], strokes=Strokes(box(0, 0), box(0, 40)))
    )
    assert (job.done, job.steps) == (8, 8)
    assert [one.edited.record.turns[0].seed for one in session.variants] == [3, 4]
    changed = (np.asarray(session.shown.picture) != pixels("small.png")).any(-1)
    assert changed.any()
    assert not changed[:40].any()
    others = [one.other for one in session.variants]
    assert all(one.record.turns[0].editor == edit_networks["editor"] for one in others)
    assert others[0].record.turns[0].mask == session.shown.record.turns[0].mask
    kept = go_on(choose(session, 1))
    second = edit(
        Job("a"), editors, kept, wanted(instruction="make it blue", editor=edit_networks["editor"], whole=True)
    )
    assert [turn.seed for turn in second.shown.record.turns] == [4, 3]
    picture, mask, record = write_files(second, tmp_path)
    assert run_edit("small.png", "--from", record, "-o", "again.png", "--save-mask", "mask.png").exit_code == 0
    assert Path("again.png").read_bytes() == Path(picture).read_bytes()
    assert Path("mask.png").read_bytes() == Path(mask).read_bytes()


def test_a_mask_is_found_once_for_a_garment_and_strokes_add_up(editors):
    editor, session = editors.load("models/finetuned"), open_session(Path("small.png"))
    found = find_region(editor, session, WORDS, None)
    assert found.garment == "shirt"
    assert found.notes[0].startswith("found shirt: ")
    session = replace(session, region=replace(found, mask=box(0, 20)))
    again = find_region(editor, session, "make the shirt blue", Strokes(box(50, 60), box(0, 10)))
    np.testing.assert_array_equal(again.mask, box(10, 20) | box(50, 60))
    assert find_region(editor, session, "make the jacket red", None).garment == "jacket"


def test_what_is_not_found_can_be_painted(editors):
    editor, session = editors.load("models/finetuned"), open_session(Path("small.png"))
    with pytest.raises(atelier.UserError, match=r"^small.png: no trousers found in it; paint it green, or choose"):
        find_region(editor, session, "make the trousers red", None)
    painted = find_region(editor, session, "make the trousers red", Strokes(box(60, 90), box(0, 0)))
    np.testing.assert_array_equal(painted.mask, box(60, 90))


@pytest.mark.parametrize(("more", "told"), [
    ({"instruction": " "}, "write an instruction"), ({"variants": 9}, "expected 1 to 8"), ({"seed": -1}, "from 0 on"),
    ({"editor": "none"}, "not an editor of this page"),
])  # fmt: skip
def test_what_cannot_be_used_is_told_in_one_line(editors, more, told):
    with pytest.raises(atelier.UserError, match=told) as caught:
        edit(Job("a"), editors, open_session(Path("small.png")), wanted(**more))
    assert "\n" not in str(caught.value)


def test_a_cancelled_edit_ends_before_its_next_step(editors):
    job = Job("a")
    job.cancel()
    with pytest.raises(CancelledJobError):
        edit(job, editors, open_session(Path("small.png")), wanted(steps=1000))
    assert job.done == 0


def test_editors_are_listed_loaded_once_and_forgotten(editors, edit_networks):
    assert editors.names == ["models/finetuned", edit_networks["editor"]]
    assert editors.base == edit_networks["editor"]
    for name in ("a", "b"):
        finetune_selectively(Path("more") / name, edit_networks["editor"])
    several = Editors(Path("params.yaml"), ["more", "models/finetuned"])
    assert several.names[2:] == ["more/a", "more/b"]
    first = several.load("more/a")
    assert several.load("more/a") is first
    for name in several.names[:LOADED]:
        several.load(name)
    assert several.load("more/a") is not first
    for folder, told in (("none", "No such file"), (".", "not the folder of an editor")):
        with pytest.raises(atelier.UserError, match=told):
            Editors(Path("params.yaml"), [folder])


def test_the_warm_up_loads_what_the_first_edit_needs(editors, edit_networks):
    warm_up(Job(""), editors)
    assert set(editors._loaded) == set(editors.names)


def test_examples_are_the_same_every_time_and_go_with_their_record(editors, tmp_path):
    first, again = write_examples(tmp_path), [file.read_bytes() for file in write_examples(tmp_path)]
    assert [file.read_bytes() for file in first] == again
    session = edit(Job("a"), editors, open_session(first[0]), wanted())
    assert str(first[0]) in write_files(session, tmp_path, with_photo=True)
    assert write_files(open_session(first[0]), tmp_path) == []


def test_without_gradio_the_command_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    result = CliRunner().invoke(main, ["studio", "--port", "0"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: gradio is not installed; install it with: pip install -e '.[studio]'\n"
