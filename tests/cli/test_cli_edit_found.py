"""`atelier edit` says what it found in a photo, and writes the mask and the picture that shows it."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from fixtures_cli_edit import WORDS, pixels, run_edit
from PIL import Image

pytestmark = pytest.mark.usefixtures("edit_project")


def test_it_says_what_was_found_and_writes_the_mask_and_the_picture_that_shows_it():
    result = run_edit("hopper.jpg", WORDS, "-o", "red.png", "--save-mask", "mask.png", "--overlay", "seen.jpg")
    assert (result.exit_code, result.stdout) == (0, "red.png\nmask.png\nseen.jpg\n")
    notices = [line for line in result.stderr.splitlines() if line.startswith("atelier:")]
    assert notices[0] == "atelier: found shirt: 100.0 % of the picture, 27 × 32 px of the editor's 32 × 32"
    height, width = pixels("hopper.jpg").shape[:2]
    assert notices[1].startswith(f"atelier: the editor sees this picture of {width} × {height} px at 27 × 32 px")
    assert len(notices) == 2
    assert (pixels("mask.png") == 255).all()
    assert pixels("seen.jpg").shape == pixels("mask.png").shape == (height, width, 3)
    given = np.zeros((96, 96), np.uint8)
    given[20:60, 30:80] = 255
    Image.fromarray(given).save("given.png")
    result = run_edit("small.png", WORDS, "--mask", "given.png", "--save-mask", "same.png", "-o", "o.png")
    assert (result.exit_code, "found" in result.stderr) == (0, False)
    np.testing.assert_array_equal(pixels("same.png")[..., 0], given)


def test_a_batch_says_what_it_found_by_line_and_writes_masks_where_its_columns_name_them():
    Path("jobs.csv").write_text(
        f"image,instruction,mask,output,save_mask,overlay\nsmall.png,{WORDS},auto,a.png,a-mask.png,a-seen.png\n"
        f"small.png,{WORDS},none,b.png,,\nsmall.png,{WORDS},none,c.png,c-mask.png,\n"
    )
    result = run_edit("--batch", "jobs.csv", "--out-dir", "out")
    assert (result.exit_code, result.stdout) == (2, "out/a.png\nout/a-mask.png\nout/a-seen.png\nout/b.png\n")
    said = [line for line in result.stderr.splitlines() if line.startswith("atelier:")]
    assert said == [
        "atelier: jobs.csv, line 2: found shirt: 100.0 % of the picture, 32 × 32 px of the editor's 32 × 32"
    ]
    assert "jobs.csv, line 4: save_mask and overlay show a mask, but mask is none" in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-mask.png", "a-seen.png", "a.png", "b.png"]


def test_the_parameters_number_of_threads_is_set(edit_networks, monkeypatch):
    set_threads = Mock()
    monkeypatch.setattr("atelier.editing.settings.set_threads", set_threads)
    assert run_edit("small.png", WORDS, "-o", "o.png", "--mask", "none").exit_code == 0
    set_threads.assert_called_once_with(edit_networks["threads"])
