"""Sessions: what each action leaves on the page, and undo; pictures that are refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atelier.common.errors import UserError
from atelier.editing.photo_editor import EditedPhoto
from atelier.editing.record import MOST_TURNS, EditRecord, Turn
from atelier.images.photo import open_photograph
from atelier.studio.session import Region, Variant, choose, go_on, open_session, undo, with_region, with_variants


def fake_edit(shade: int, *instructions: str) -> EditedPhoto:
    numbers = {"seed": shade, "steps": 2, "guidance_text": 1.0, "guidance_image": 1.0, "editor": "e", "mask": "none"}
    turns = [Turn(instruction=one, **numbers) for one in instructions]
    return EditedPhoto(
        Image.new("RGB", (20, 10), (shade,) * 3), None, (), EditRecord(picture_sha256="0" * 64, turns=turns)
    )


@pytest.fixture(name="session")
def _session(tmp_path):
    Image.new("RGB", (20, 10), "red").save(tmp_path / "photo.png")
    return open_session(tmp_path / "photo.png")


def test_a_photograph_is_opened_upright_in_its_own_profile(tmp_path):
    picture = Image.new("RGB", (20, 10), "red")
    picture.getexif()[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=picture.getexif())
    opened = open_session(tmp_path / "turned.jpg")
    assert opened.source.size == (10, 20)
    np.testing.assert_array_equal(np.asarray(opened.source), open_photograph(tmp_path / "turned.jpg", 8).own_pixels)
    assert (opened.shown, opened.turns, opened.variant) == (None, [], None)


def test_turns_add_up_and_undo_takes_each_step_back(session):
    edited = with_variants(session, (Variant(fake_edit(1, "red")), Variant(fake_edit(2, "red"))))
    chosen = choose(edited, 1)
    assert chosen.shown.picture.getpixel((0, 0)) == (2, 2, 2)
    kept = go_on(with_region(chosen, Region("shirt", np.ones((10, 20), bool))))
    assert (kept.region, kept.variants) == (None, ())  # another picture: the mask is found again
    assert kept.source is chosen.shown.picture
    second = with_variants(kept, (Variant(fake_edit(3, "red", "blue")),))
    assert second.turns == ["red", "blue"]
    assert undo(second) is kept
    assert undo(kept).variants == edited.variants
    assert undo(undo(kept)) is session
    with pytest.raises(UserError, match="nothing to undo"):
        undo(session)


def test_what_is_not_there_cannot_be_chosen_or_kept(session):
    with pytest.raises(UserError, match="expected 1 to 0"):
        choose(session, 0)
    with pytest.raises(UserError, match="edit the picture first"):
        go_on(session)
    full = with_variants(session, (Variant(fake_edit(1, *["red"] * MOST_TURNS)),))
    with pytest.raises(UserError, match="64 turns are the most"):
        go_on(full)


@pytest.mark.parametrize(
    ("content", "told"), [(b"no picture", "not a picture"), (b"", "no"), ("tiny", "too few pixels")]
)
def test_a_file_that_is_no_picture_is_refused_by_its_name_alone(tmp_path, content, told):
    file = Path(tmp_path / "bad.png")
    if content == "tiny":
        Image.new("RGB", (4, 4)).save(file)
    else:
        file.write_bytes(content)
    with pytest.raises(UserError, match=told) as caught:
        open_session(file)
    assert str(caught.value).startswith("bad.png: ")
    assert "\n" not in str(caught.value)


def test_a_picture_over_the_limit_is_refused(tmp_path):
    Image.new("1", (8001, 8000)).save(tmp_path / "large.png")
    with pytest.raises(UserError, match=r"large.png: too many pixels"):
        open_session(tmp_path / "large.png")
