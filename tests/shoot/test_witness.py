"""What is counted of a network's findings: near joints, hidden ones, exchanged sides, people and faces not found."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from shoot.witness import BODY, NEAR, SEEN, inside, main, measure_rows, offsets, swapped, tabulate


def row(shift=(0.0, 0.0), *, outside=(), found=True, exchanged=False, face=True, **facts) -> dict:
    """One picture whose joints lie on two columns; all are found `shift` away, with visibility 0.9."""
    joints = {str(n): [0.4 + 0.2 * (n % 2), 1.2 if n in outside else 0.02 * n] for n in SEEN}
    points = [[0.0, 0.0, 0.0] for _ in range(33)]
    for n in SEEN:
        points[n] = [*np.add(joints[str(n)], shift), 0.9]
    one = {"name": "0001-0", "domain": "studio", "view": "front", "joints": joints, "face": face} | facts
    one["found"] = points if found else None
    return swapped(one) if exchanged else one


@pytest.mark.parametrize(
    ("one", "joints", "either", "visibility"),
    [
        (row(), 1, 1, 0.9),
        (row((NEAR - 0.001, 0)), 1, 1, 0.9),
        (row((0.04, 0.04)), 0, 0, 0.9),  # 0.057 away
        (row(exchanged=True), 0, 1, 0.9),  # 0.2 from side to side
        (row(outside=(27, 28)), 1, 1, 0.9),
        (row(found=False), 0, 0, None),
    ],
)
def test_a_joint_counts_if_it_is_near_the_known_one(one, joints, either, visibility):
    found = measure_rows([one])
    assert (found["joints"], found["joints, either side"]) == (joints, either)
    assert found["visibility"] == (visibility and pytest.approx(visibility))
    assert found["person"] == bool(one["found"])


def test_joints_outside_of_the_picture_count_nowhere():
    one = row(outside=(27, 28))
    one["found"][27] = one["found"][28] = [0.0, 0.0, 0.0]  # far away and not visible
    assert inside(one, BODY) == [n for n in BODY if n < 27]
    assert len(offsets(one)) == 10
    assert measure_rows([one])["joints"] == 1
    assert measure_rows([one])["visibility"] == pytest.approx(0.9)


def test_a_person_who_is_not_found_misses_every_joint_and_has_no_visibility():
    found = measure_rows([row(), row(found=False, face=False)])
    assert (found["person"], found["joints"], found["face"]) == (0.5, 0.5, 0.5)
    assert found["visibility"] == pytest.approx(0.9)


def test_the_table_has_a_line_for_every_domain_and_view_that_occurs():
    rows = [row(view=view, domain=domain) for domain in ("studio", "street") for view in ("front", "back")]
    lines = {(line["domain"], line["view"]): line["pictures"] for line in tabulate(rows)}
    assert lines[("all", "all")] == 4
    assert lines[("street", "back")] == 1
    assert lines[("all", "front")] == lines[("studio", "all")] == 2
    assert ("street", "side") not in lines


def test_a_folder_without_composed_pictures_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["judge", str(tmp_path)])
    assert result.exit_code == 2
    assert "facts.jsonl is missing" in result.output


def test_the_sheet_marks_known_joints_green_and_found_ones_red(tmp_path):
    from PIL import Image

    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "0001-0.png")
    (tmp_path / "witness.json").write_text(json.dumps({"rows": [row((0.1, 0), face=False)]}))
    result = CliRunner().invoke(main, ["sheet", str(tmp_path), str(tmp_path / "s.png"), "--columns", "1"])
    assert result.exit_code == 0, result.output
    sheet = np.asarray(Image.open(tmp_path / "s.png")).astype(int)
    known = [round(200 * part) for part in row()["joints"]["11"]]
    assert sheet[known[1], known[0] + 20].tolist() == [255, 0, 0]
    assert sheet[known[1] - 2, known[0]].tolist() == [0, 255, 0]
    assert (sheet[:4] == 255).all()  # no face
