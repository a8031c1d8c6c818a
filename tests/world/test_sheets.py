"""Contact sheets and label maps of stored shots."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from atelier.world.compose import Shot
from atelier.world.shotfile import pack, unpack
from shoot import census, segmenter, sheets
from shoot.examples import compose_example, open_shots, open_twin
from shoot.pack import main as pack_command

SIZE = 32
KINDS = (("t-shirt", "jacket"), ("dress", "jacket"), ("skirt", "blouse"))


def facts(item: int, number: int, twin: tuple[int, str] | None) -> dict:
    """Everybody wears a jacket but every third; half are seen from behind."""
    who = {"yaw": 0.0, "close": False, "female": item < 5, "hair": "bob", "person": item % 4}
    outfit = [{"kind": kind} for kind in KINDS[item % 3]]
    view = ("front", "back")[number]
    plan = {
        "item": item,
        "number": number,
        "seed": 10 * item + number,
        "outfit": outfit,
        "view": view,
        "domain": "studio",
        "twin": twin,
    }
    return plan | who


@pytest.fixture(scope="module")
def folder(make_layers, tmp_path_factory) -> Path:
    """Seven outfits in two shots each; every first shot has a twin."""
    made = tmp_path_factory.mktemp("shots")
    for item in range(7):
        for number in (0, 1):
            layers = make_layers(SIZE)
            (made / f"{item:04d}-{number}.shot").write_bytes(pack(layers, facts(item, number, None)))
        layers.alpha[:, : SIZE // 2] = 0
        (made / f"{item:04d}-0t.shot").write_bytes(pack(layers, facts(item, 0, (0, "shorter"))))
    return made


def run(command, *words) -> tuple[int, str]:
    result = CliRunner().invoke(command, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ((), (8 * SIZE, 2 * SIZE)),  # 14 shots
        (("--view", "back"), (8 * SIZE, SIZE)),
        (("--kind", "dress", "--columns", 2), (2 * SIZE, 2 * SIZE)),  # outfits 1 and 4
        (("--each-item",), (8 * SIZE, SIZE)),  # 7
        (("--count", 3, "--skip", 12), (8 * SIZE, SIZE)),
        (("--show", "twins"), (8 * SIZE, 2 * (SIZE + 13))),  # 7 pairs, four in a row
        (("--show", "edits", "--count", 2), (6 * SIZE, 2 * (SIZE + 13))),
    ],
)
def test_a_sheet_has_the_tiles_of_the_shots_that_fit(folder, tmp_path, options, size):
    code, output = run(sheets.main, folder, tmp_path / "sheet.png", "--side", SIZE, *options)
    assert code == 0, output
    assert Image.open(tmp_path / "sheet.png").size == size


def test_tiles_are_the_composed_pictures_and_edits_keep_what_the_garment_does_not_cover(folder):
    _, shot = next(open_shots(folder))
    page = sheets.arrange([[("", compose_example(shot))]], 1, SIZE)
    np.testing.assert_array_equal(np.asarray(page), compose_example(shot))
    (row,) = list(sheets.show_edits(folder, iter([("0000-0", shot)])))
    (_, before), *edits, (words, cut), (_, mask) = row
    outside = mask[..., 0] == 0
    for what, after in edits:
        assert (after != before).any(), what
        np.testing.assert_array_equal(after[outside], before[outside], what)
    twin = open_twin(folder, "0000-0")
    assert words == twin.stored.facts["twin"][1]
    assert (cut != before).any()


def test_packed_shots_give_the_same_sheets_and_counts(folder, tmp_path):
    code, output = run(pack_command, folder, "--out", tmp_path / "packed")
    assert code == 0, output
    for number, source in enumerate((folder, tmp_path / "packed")):
        words = (source, tmp_path / f"{number}.png", "--show", "edits", "--count", 3, "--side", SIZE)
        assert run(sheets.main, *words)[0] == 0
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()
    assert run(census.main, folder) == run(census.main, tmp_path / "packed")


def test_no_shot_that_fits_is_refused_in_one_line(folder, tmp_path):
    code, output = run(sheets.main, folder, tmp_path / "sheet.png", "--kind", "shorts")
    assert (code, output.count("\n")) == (2, 1)
    assert "no shots that fit" in output


def test_labels_are_what_covers_most_of_a_pixel(make_layers):
    layers = make_layers(SIZE)
    layers.body, layers.face = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    layers.body[:4], layers.face[:4, :8] = 1, 1
    shot = Shot(unpack(pack(layers, {"outfit": [{"kind": "dress"}, {"kind": "jacket"}]})))
    found = segmenter.label(shot, 1)
    names = np.array(segmenter.LABELS)[found]
    assert (names[:4, :8] == "face").all()
    assert (names[:4, 8:] == "person").all()
    assert (names[layers.alpha[..., 0] > 0.5] == "full").all()
    assert (names[layers.alpha[..., 1] > 0.5] == "outer").all()
    assert (names[4:][layers.alpha[4:].sum(-1) < 0.4] == "background").all()
    halved = segmenter.label(shot, 2)
    assert halved.shape == (SIZE // 2, SIZE // 2)
    assert np.mean(halved == found[::2, ::2]) > 0.9


def test_held_out_outfits_are_not_trained_on_and_a_size_that_does_not_divide_is_refused(folder, tmp_path):
    data = segmenter.read_pictures(folder, SIZE // 2, 99, 3)
    assert data.held_out.sum() == 4  # outfits 0 and 6, one picture of each of two shots
    assert (~data.held_out).sum() == 5 * 3 * 3  # two shots and a twin in three fabrics each
    assert data.images.shape[1:] == (SIZE // 2, SIZE // 2, 3)
    code, output = run(segmenter.main, folder, "--out", tmp_path / "out", "--size", 20)
    assert (code, output.count("\n")) == (2, 1)


def test_a_census_counts_shots_without_twins(folder, tmp_path):
    code, output = run(census.main, folder)
    assert code == 0, output
    lines = dict(line.strip("| ").split(" | ") for line in output.splitlines() if " | " in line)
    assert output.startswith("14 shots of 7 outfits and 4 people, 7 twins\n")
    assert lines["sex"] == "female 10, male 4"
    assert lines["view"] == "front 7, back 7"
    assert lines["garment"] == "jacket 10, t-shirt 6, dress 4, skirt 4, blouse 4"
    assert lines["cut of the twin"] == "shorter 7"
    assert run(census.main, tmp_path)[0] == 2
