"""Do networks that were trained on photographs by others see people in composed pictures, and where the body is?

    python -m shoot.witness compose data/shots out/witness --count 300
    python3.11 -m venv witness && witness/bin/pip install mediapipe==0.10.21 click
    PYTHONPATH=src:. witness/bin/python -m shoot.witness judge out/witness
    PYTHONPATH=src:. witness/bin/python -m shoot.witness sheet out/witness out/witness.png

MediaPipe's pose and face networks (Apache-2.0) come whole in the wheel of release 0.10.21. It needs NumPy 1, so it has
an environment of its own; `judge` and `sheet` need nothing else but Click, `compose` runs where atelier is installed.

Definitions. The known joints are those of the body model's skeleton; MediaPipe's were annotated on photographs: it puts
hips a little lower, shoulders and ankles a little higher. Nothing corrects for that. Joints outside of the picture
(close crops) count nowhere. A person who is not found counts as missing every joint.
"""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np

from atelier.common.command import Command, Group
from atelier.common.errors import UserError
from atelier.common.files import write_text

Array = np.ndarray
Row = dict[str, Any]
NEAR = 0.05  # a joint this near the known one is found, share of the picture's height
JOINTS = {  # MediaPipe's number of the joint of the left side → the bone of the body model that begins there
    11: "upperarm01",
    13: "lowerarm01",
    15: "wrist",
    23: "upperleg01",
    25: "lowerleg01",
    27: "foot",
}
FINGERS = {17: "finger5-1", 19: "finger2-1", 21: "finger1-2"}  # these count for visibility alone
VIEWS = ("front", "three-quarter", "side", "back")


def _sides(bones: dict[int, str]) -> dict[int, str]:
    """Name the bones of both sides; MediaPipe's number of the right one is the next."""
    return {number + side: f"{bone}.{'LR'[side]}" for number, bone in bones.items() for side in (0, 1)}


BODY = _sides(JOINTS)
SEEN = _sides(JOINTS | FINGERS)


@click.group(cls=Group)
def main() -> None:
    """Let networks that were trained on photographs look at composed pictures."""


@main.command(cls=Command)
@click.argument("shots", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", default=300, show_default=True, help="Pictures at most, the first ones by name.")
def compose(shots: Path, folder: Path, count: int) -> None:
    """Compose one picture of each shot of a folder, without twins, and note where its joints are."""
    from PIL import Image

    from atelier.common.files import atomic_write
    from shoot.examples import compose_example, open_shots

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, shot in open_shots(shots, count):
        facts = shot.stored.facts
        with atomic_write(folder / f"{name}.png") as partial:
            Image.fromarray(compose_example(shot)).save(partial, "PNG")
        joints = {str(number): facts["joints"][bone] for number, bone in SEEN.items()}
        kept = {key: facts[key] for key in ("domain", "view", "close", "yaw", "hair")}
        rows.append({"name": name, **kept, "joints": joints})
    if not rows:
        raise UserError(f"{shots}: no shots (files NAME.shot)")
    write_text(folder / "facts.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    click.echo(f"{len(rows)} pictures in {folder}")


@main.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def judge(folder: Path) -> None:
    """Look for people, joints and faces in composed pictures; write witness.json and witness.md."""
    facts = _read_facts(folder)
    import mediapipe
    from PIL import Image

    pose = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1)
    face = mediapipe.solutions.face_detection.FaceDetection(model_selection=1)
    rows = []
    for row in facts:
        picture = np.asarray(Image.open(folder / f"{row['name']}.png").convert("RGB"))
        points = pose.process(picture).pose_landmarks
        found = [[round(p.x, 4), round(p.y, 4), round(p.visibility, 4)] for p in points.landmark] if points else None
        rows.append(row | {"found": found, "face": bool(face.process(picture).detections)})
    table = tabulate(rows)
    write_text(folder / "witness.json", json.dumps({"rows": rows, "table": table}) + "\n")
    write_text(folder / "witness.md", _markdown(table))
    click.echo(_markdown(table))


def _read_facts(folder: Path) -> list[Row]:
    path = folder / "facts.jsonl"
    if not path.exists():
        raise UserError(f"{path} is missing: `python -m shoot.witness compose` writes it")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def inside(row: Row, numbers: Iterable[int]) -> list[int]:
    """Return which of the joints lie inside of the picture."""
    return [number for number in numbers if all(0 <= part <= 1 for part in row["joints"][str(number)])]


def offsets(row: Row) -> dict[int, Array]:
    """Return how far the joints inside of the picture were found from the known ones: x and y, shares of its height.

    A person seen from behind may be found with left and right exchanged; `swapped` tells.
    """
    return {number: np.subtract(row["found"][number][:2], row["joints"][str(number)]) for number in inside(row, BODY)}


def swapped(row: Row) -> Row:
    """Return the row with the found joints' sides exchanged."""
    other = [n if n < 11 else n + 1 if n % 2 else n - 1 for n in range(len(row["found"]))]
    return row | {"found": [row["found"][n] for n in other]}


def _near(row: Row) -> list[bool]:
    """Tell of each joint inside of the picture whether it was found near."""
    if not row["found"]:
        return [False] * len(inside(row, BODY))
    return [bool(np.hypot(*offset) <= NEAR) for offset in offsets(row).values()]


def _visibility(row: Row) -> float:
    """Return the mean visibility of the joints from the shoulders to the ankles that lie inside of the picture."""
    return float(np.mean([row["found"][number][2] for number in inside(row, SEEN)]))


def tabulate(rows: list[Row]) -> list[Row]:
    """Return what was found, by domain and view."""
    groups = [("all", "all", rows)]
    for domain in sorted({row["domain"] for row in rows}):
        here = [row for row in rows if row["domain"] == domain]
        groups += [(domain, view, [row for row in here if row["view"] == view]) for view in VIEWS]
        groups += [(domain, "all", here)]
    groups += [("all", view, [row for row in rows if row["view"] == view]) for view in VIEWS]
    return [{"domain": domain, "view": view, **measure_rows(some)} for domain, view, some in groups if some]


def measure_rows(rows: list[Row]) -> Row:
    """Return shares of people, near joints and faces found, and the mean visibility over the people found."""
    found = [row for row in rows if row["found"]]
    either = [max(_near(row), _near(swapped(row)), key=sum) if row["found"] else _near(row) for row in rows]
    return {
        "pictures": len(rows),
        "person": len(found) / len(rows),
        "visibility": float(np.mean([_visibility(row) for row in found])) if found else None,
        "joints": float(np.mean(list(chain(*map(_near, rows))))),
        "joints, either side": float(np.mean(list(chain(*either)))),
        "face": sum(row["face"] for row in rows) / len(rows),
    }


def _markdown(table: list[Row]) -> str:
    columns = list(table[0])
    lines = [columns, ["---", "---", *["---:"] * (len(columns) - 2)]]
    lines += [[f"{one:.3f}" if isinstance(one, float) else str(one) for one in row.values()] for row in table]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@main.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--worst", default=24, show_default=True, help="How many pictures, those with most joints missed first.")
@click.option("--columns", default=6, show_default=True, help="Pictures in a row.")
def sheet(folder: Path, out: Path, worst: int, columns: int) -> None:
    """Draw the worst pictures with the known joints in green and the found ones in red; no face: a white bar."""
    from PIL import Image

    rows = json.loads((folder / "witness.json").read_text(encoding="utf-8"))["rows"]
    order = sorted(rows, key=lambda row: (bool(row["found"]), row["face"], np.mean(_near(row))))[:worst]
    tiles = [_overlay(row, Image.open(folder / f"{row['name']}.png").convert("RGB")) for row in order]
    side = tiles[0].size[0]
    page = Image.new("RGB", (side * columns, side * -(-len(tiles) // columns)))
    for number, tile in enumerate(tiles):
        page.paste(tile, (number % columns * side, number // columns * side))
    page.save(out)


def _overlay(row: Row, picture: Any) -> Any:
    from PIL import ImageDraw

    draw, side = ImageDraw.Draw(picture), picture.size[0]
    for number in inside(row, BODY):
        known = np.multiply(row["joints"][str(number)], side)
        if row["found"]:
            there = np.multiply(row["found"][number][:2], side)
            draw.line([*known, *there], fill=(255, 255, 0))
            draw.ellipse([*(there - 2), *(there + 2)], fill=(255, 0, 0))
        draw.ellipse([*(known - 2), *(known + 2)], outline=(0, 255, 0))
    if not row["face"]:
        draw.rectangle([0, 0, side, 4], fill=(255, 255, 255))
    draw.text((3, side - 12), f"{row['name']} {row['view']}", fill=(255, 255, 255))
    return picture


if __name__ == "__main__":
    main()
