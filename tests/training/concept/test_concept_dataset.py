"""Rows of a concept, from a folder of images to latents: complete, not mirrored, each with its prompt."""

import json

import numpy as np
import pytest
import torch
from fixtures_concepts import SIDE, make_rows
from PIL import Image

from atelier.common.errors import UserError
from atelier.images.tensors import to_tensor
from atelier.models.base import to_latents
from atelier.training.concept.dataset import ConceptRow, encode_rows, read_folder


@pytest.fixture(name="folder")
def _folder(tmp_path):
    """A folder with a wide image, red on the left and blue on the right, and a square one."""
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, :40, 0] = wide[:, 40:, 2] = 255
    Image.fromarray(wide).save(tmp_path / "b.png")
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_images_are_letterboxed_not_squashed_or_mirrored(folder, sd):
    square, wide = read_folder(folder, SIDE, "a <logo>", repeats=3)
    assert square.pixels.shape == wide.pixels.shape == (SIDE, SIDE, 3)
    assert (wide.pixels[np.r_[:8, 24:32]] == 255).all()  # padding: the image takes half of the height
    for columns, colour in ((slice(14), [255, 0, 0]), (slice(18, None), [0, 0, 255])):  # the left is the left
        assert np.abs(wide.pixels[8:24, columns].astype(int) - colour).max() < 16
    data = encode_rows(sd, [square, wide])
    expected = to_latents(sd, to_tensor([square.pixels, wide.pixels]))
    assert len(data) == 6  # each repeat in an epoch
    torch.testing.assert_close(data.latents, expected.repeat_interleave(3, dim=0), atol=1e-5, rtol=1e-4)


def test_each_row_has_its_own_prompt_and_weight(sd):
    rows = make_rows(5, repeats=2)
    rows[3] = ConceptRow(rows[3].pixels, "a person", weight=0.25)
    data = encode_rows(sd, rows)
    found = [data.prompts[number] for number in data.prompt_of.tolist()]
    assert found == [row.prompt for row in rows for _ in range(row.repeats)]
    assert (len(data.prompts), data.weights.tolist()) == (4, [1.0] * 6 + [0.25] + [1.0] * 2)


def test_metadata_gives_images_prompts_of_their_own(folder):
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "b.png", "prompt": "a wide <logo>"}) + "\n")
    assert [row.prompt for row in read_folder(folder, SIDE, "a <logo>")] == ["a <logo>", "a wide <logo>"]
    with pytest.raises(UserError, match=r"a\.png: no prompt for it"):
        read_folder(folder, SIDE)
    (folder / "metadata.jsonl").write_text('{"file_name": "b.png"}\n')
    with pytest.raises(UserError, match="line 1: expected"):
        read_folder(folder, SIDE, "a <logo>")


def test_what_cannot_be_used_is_refused(folder, sd, tmp_path):
    (folder / "c.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"c\.png"):
        read_folder(folder, SIDE, "a <logo>")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pictures there"):
        read_folder(tmp_path / "empty", SIDE, "a <logo>")
    with pytest.raises(UserError, match="no row"):
        encode_rows(sd, [])
    with pytest.raises(UserError, match=r"row 0 is \(16, 32, 3\); letterbox it to \(32, 32, 3\)"):
        encode_rows(sd, [ConceptRow(np.zeros((16, SIDE, 3), np.uint8), "a <logo>")])


PROMPTS = {
    "byte order mark": (b"\xef\xbb\xbf" + b'{"file_name": "a.png", "prompt": "own words"}', ""),
    "blank line": (b'\n{"file_name": "a.png", "prompt": "own words"}\n\n', ""),
    "name from the folder": (b'{"file_name": "./a.png", "prompt": "own words"}', ""),
    "latin-1": ('{"file_name": "a.png", "prompt": "rayé"}'.encode("latin-1"), "line 1: .*line is not UTF-8"),
    "no such file": (b'\n{"file_name": "9.png", "prompt": "own"}', "line 2: .*'9.png' is no picture in this folder"),
    "list": (b'{"file_name": "a.png", "prompt": ["own", "words"]}', "line 1: .*prompt is no text"),
    "number": (b'{"file_name": "a.png", "prompt": true}', "line 1: .*prompt is no text"),
    "surrogate": (b'{"file_name": "a.png", "prompt": "\\ud800"}', "line 1: .*prompt is not Unicode"),
    "twice": (b'{"file_name": "a.png", "prompt": "b"}\n' * 2, "line 2: .*'a.png' has a prompt already"),
    "outside": (b'{"file_name": "../a.png", "prompt": "b"}', "line 1: .*name leads out of its folder"),
    "no object": (b"[1]", "line 1: .*line is no JSON object"),
}


@pytest.mark.parametrize(("content", "message"), PROMPTS.values(), ids=PROMPTS)
def test_metadata_is_read_as_that_of_a_data_source(folder, content, message):
    (folder / "metadata.jsonl").write_bytes(content)
    if message:
        with pytest.raises(UserError, match=f"metadata.jsonl: {message}"):
            read_folder(folder, SIDE, "a <logo>")
    else:
        assert [row.prompt for row in read_folder(folder, SIDE, "a <logo>")] == ["own words", "a <logo>"]


def test_pictures_of_every_readable_format_are_taken_and_the_rest_is_counted(folder, capsys, tmp_path):
    with Image.open(folder / "a.png") as picture:
        for name in ("c.bmp", "d.tif", "e.gif", "f.avif", "g.mask.png", ".h.png"):
            picture.save(folder / name)
        picture.save(folder / "i.jfif", "JPEG")
    (folder / "sub").mkdir()
    assert len(read_folder(folder, SIDE, "a <logo>")) == 7
    assert capsys.readouterr().err.endswith(f"{tmp_path}: left out: .png 1, .txt 1, folder 1\n")
    (folder / "metadata.json").write_text("[]")
    read_folder(folder, SIDE, "a <logo>")
    assert "metadata.json: left out; metadata is read from metadata.jsonl" in capsys.readouterr().err


def test_links_out_of_a_concept_s_folder_are_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.png"
    outside.write_bytes((folder / "a.png").read_bytes())
    (folder / "x.png").symlink_to(outside)
    with pytest.raises(UserError, match=r"x\.png: a link that leads out of the folder"):
        read_folder(folder, SIDE, "a <logo>")
