"""The garment that an instruction names, and edits of photos in batches."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atelier.common.errors import UserError
from atelier.config import Generate
from atelier.images.photo import open_photograph
from atelier.images.tensors import to_pixels, to_tensor
from atelier.masks.segformer import Found
from atelier.sampling import edit
from atelier.sampling.batch_csv import EditRequest
from atelier.sampling.photos import PhotoEdit, edit_batch, find_masks, make_edits, name_garment, open_edit

SAMPLING = {"steps": 2, "guidance_text": 2.0, "guidance_image": 1.2}
SETTINGS = Generate(**SAMPLING, sweep_probes=0, sweep_text="1.0", sweep_image="1.0", batch_size=2, seed=7)
WORDS = "make the shirt red"


@pytest.fixture(name="photos")
def _photos(tmp_path: Path) -> list[Path]:
    """Three photos of different shapes."""
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, shape in enumerate([(48, 32, 3), (32, 32, 3), (20, 50, 3)]):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)).save(paths[number])
    return paths


def left_half(pictures, garments):
    """Predict every garment in the left half, but no skirt."""
    shapes = [picture.shape[:2] for picture in pictures]
    widths = [0 if garment == "skirt" else width // 2 for (_, width), garment in zip(shapes, garments, strict=True)]
    return [Found(np.indices(shape)[1] < width, 0.95) for shape, width in zip(shapes, widths, strict=True)]


@pytest.mark.parametrize(
    ("garment", "instructions"),
    [
        ("shirt", ["make the shirt red", "Change SHIRT to blue"]),
        ("t-shirt", ["make the t-shirt plaid", "make her crop top grey", "make the T-shirts red"]),
        ("sweatshirt", ["turn the sweatshirt green"]),
        ("coat", ["make the coat black", "Make her navy trench coat beige"]),
        ("trousers", ["paint her jeans white", "put the dog in red jeans"]),
        ("skirt", ["make the skirt as red as the jacket"]),
        ("dress", ["a yellow dress instead"]),
        ("clothes", ["add stripes to the clothes", "change to a floral pattern", "more sunlight"]),
    ],
)
def test_the_first_garment_in_the_instruction_is_named(garment, instructions):
    assert [name_garment(instruction) for instruction in instructions] == [garment] * len(instructions)


def test_an_edit_without_a_mask_equals_the_sampler_s(editor, photos):
    photograph = open_photograph(photos[1], editor.size)
    (edited,) = make_edits(editor, [PhotoEdit(photograph, WORDS, 3, None)], SETTINGS)
    expected = to_pixels(edit.edit(editor, to_tensor([photograph.pixels]), [WORDS], [3], **SAMPLING))[0]
    np.testing.assert_array_equal(edited, expected)


def test_edits_do_not_depend_on_the_batch(editor, photos):
    tasks = [PhotoEdit(open_photograph(path, editor.size), WORDS, seed, None) for seed, path in enumerate(photos)]
    together = list(make_edits(editor, tasks, SETTINGS))
    assert [edited.shape for edited in together] == [(48, 32, 3), (32, 32, 3), (20, 50, 3)]
    for task, edited in zip(tasks, together, strict=True):
        (alone,) = make_edits(editor, [task], SETTINGS)
        assert np.abs(alone.astype(int) - edited).max() <= 2  # rounding, before and after enlarging
        assert (edited != task.photograph.pixels).mean() > 0.5


def test_a_photo_with_several_instructions_is_encoded_once_a_batch(editor, photos, monkeypatch):
    photograph, other = (open_photograph(path, editor.size) for path in photos[:2])
    tasks = [PhotoEdit(one, WORDS, seed, None) for seed, one in enumerate([photograph, photograph, photograph, other])]
    given, real = [], editor.vae.encode
    monkeypatch.setattr(editor.vae, "encode", lambda pixels: given.append(len(pixels)) or real(pixels))
    assert len(list(make_edits(editor, tasks, SETTINGS))) == 4
    assert given == [1, 2]


def test_a_mask_is_none_predicted_or_from_a_file_and_a_missing_garment_an_error(editor, photos, tmp_path):
    photograph = open_photograph(photos[1], editor.size)
    assert open_edit(photograph, WORDS, 3, "none").mask is None
    waiting = open_edit(photograph, WORDS, 3, "auto")
    found, missing = find_masks(left_half, [waiting, replace(waiting, instruction="make the skirt red")])
    assert (found.mask[:, :15].all(), found.mask[:, 17:].any()) == (True, False)
    Image.fromarray(~found.mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(open_edit(photograph, WORDS, 3, str(tmp_path / "mask.png")).mask, ~found.mask)
    assert isinstance(missing, UserError)
    assert re.search(r"1\.png: no skirt found in it; --mask none edits all of it$", str(missing))


def test_latents_are_kept_outside_the_mask_in_the_letterboxed_square(editor, photos, monkeypatch):
    """Of a photo of 20 × 50, in rows 10 to 23 of the square, the left half may change."""
    photograph, rules = open_photograph(photos[2], editor.size), []
    mask = np.indices((20, 50))[1] < 25
    sample = edit.sample

    def watch(*given, anchor, **options):
        rules.append(anchor.free(anchor.source, anchor.source)[0, 0].numpy())
        return sample(*given, anchor=anchor, **options)

    monkeypatch.setattr(edit, "sample", watch)
    kept = SETTINGS.model_copy(update={"keep": "latent"})
    (edited,) = make_edits(editor, [PhotoEdit(photograph, WORDS, 3, mask)], kept)
    expected = np.zeros((8, 8), bool)
    expected[2:5, :4] = True  # half of the last row of cells and more is covered
    left, top, right, bottom = photograph.fit.place
    assert (left, top, right) == (0, 9, 32)
    np.testing.assert_array_equal(rules[0][:, 4:], expected[:, 4:])
    covered = [max(0, min(bottom, 4 * row + 4) - max(top, 4 * row)) >= 2 for row in range(8)]
    np.testing.assert_array_equal(rules[0][:, :4], np.repeat(np.array(covered)[:, None], 4, axis=1))
    np.testing.assert_array_equal(edited[:, 25:], photograph.own_pixels[:, 25:])


def test_a_row_without_a_mask_is_refused_where_one_is_needed(editor, photos, tmp_path):
    kept = SETTINGS.model_copy(update={"keep": "latent"})
    jobs = [EditRequest(n, photos[0], WORDS, mask, 1, tmp_path / f"{n}.png") for n, mask in ((2, "none"), (3, "auto"))]
    told = [outcome.refused for outcome in edit_batch(editor, jobs, kept, left_half, 0.005)]
    assert told == ["keep latent needs a mask, but mask is none; expected keep none or consistent", None]


def test_requests_are_edited_in_order_and_invalid_ones_refused(editor, photos, tmp_path):
    def job(line: int, image: Path, instruction: str = WORDS, mask: str = "auto") -> EditRequest:
        return EditRequest(line, image, instruction, mask, seed=line, output=tmp_path / "out" / f"{line}.png")

    jobs = [
        job(2, photos[0]), job(3, tmp_path / "missing.png"), job(4, photos[1], "make the skirt red"),
        job(5, photos[2], mask="none"), job(6, photos[1], mask=str(tmp_path / "nowhere.png")), job(7, photos[1]),
    ]  # fmt: skip
    outcomes = list(edit_batch(editor, jobs, SETTINGS, left_half, 0.005))
    assert [outcome.request for outcome in outcomes] == jobs
    refused = {outcome.request.line: outcome.refused for outcome in outcomes if outcome.refused}
    reasons = {3: "missing.png: no such file", 4: "no skirt found", 6: "nowhere.png: no such file"}
    assert list(refused) == list(reasons)
    assert all(reason in refused[line] for line, reason in reasons.items())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.png", "5.png", "7.png"]
    for line, number in ((2, 0), (5, 2), (7, 1)):
        source, edited = (np.asarray(Image.open(path)) for path in (photos[number], tmp_path / "out" / f"{line}.png"))
        assert edited.shape == source.shape
        right = (slice(None), slice(source.shape[1] // 2 + 2, None))
        assert (edited[right] == source[right]).all() == (line != 5)  # masked but for line 5
