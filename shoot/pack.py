"""Pack a folder of shots into zip files for git, with an index of their facts.

    python -m shoot.pack shots --out data/world
    python -m shoot.pack products --out data/products
    python -m shoot.pack lying --out data/lying

The same shots give the same bytes. The shots of an outfit are in one file; files stay below 16 MiB.
"""

import io
import json
import zipfile
import zlib
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, write_text
from atelier.world.compose import Shot
from atelier.world.shards import INDEX, LEAST, Shards, original_of
from atelier.world.shotfile import unpack
from shoot.places import kind_of_place

MOST = 16 * 2**20 - 2**17  # bytes of a zip file
_MEMBER = 150  # bytes that a member needs besides its data, and more
_PEOPLE = ("item", "number", "domain", "outfit", "person", "female", "hair", "view", "yaw", "close", "twin")
_KEPT = {
    "studio": _PEOPLE,
    "street": _PEOPLE,
    "product": ("item", "domain", "kind", "view", "place", "yaw", "female", "logo", "twin"),
    "body": ("item", "domain", "posture", "place", "outfit", "person", "female", "hair", "twin"),
}  # domain → facts


@click.command(cls=command.Command)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the zip files and the index.")
def main(folder: Path, out: Path) -> None:
    """Pack the shots in FOLDER."""
    paths = sorted(folder.glob("*.shot"))
    if not paths:
        raise UserError(f"{folder}: there are no shots; take some with python -m shoot.take --out {folder}")
    out.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {}
    shards = []
    for number, group in enumerate(divide(paths)):
        shard = f"shots-{number:02d}.zip"
        data, places = zip_shots(group)
        with atomic_write(out / shard) as partial:
            partial.write_bytes(data)
        shards.append(shard)
        for name, (packed, offset) in places.items():
            place = [shard, offset, len(packed), zlib.crc32(packed)]
            index[name] = {"place": place, "facts": facts_of(packed)}
    for name in index:
        own, others = (index[one if one in index else name]["facts"]["shades"] for one in (name, original_of(name)))
        index[name]["facts"]["shades"] = [other or mine for mine, other in zip(own, others, strict=True)]
    lines = (f"{json.dumps(name)}:{json.dumps(index[name], separators=(',', ':'))}" for name in sorted(index))
    write_text(out / INDEX, '{"shots":{\n' + ",\n".join(lines) + "\n}}\n")
    for stale in set(out.glob("shots-*.zip")) - {out / shard for shard in shards}:
        stale.unlink()
    _report(Shards(out), shards)


def divide(paths: list[Path]) -> list[list[Path]]:
    """Divide files into groups of whole outfits, or of a body and its twin, that fit into a zip file each."""
    groups: list[list[Path]] = [[]]
    room = MOST
    for _, same in groupby(paths, lambda path: original_of(path.stem).split("-")[0]):
        item = list(same)
        size = sum(path.stat().st_size + _MEMBER for path in item)
        if size > room and groups[-1]:
            groups.append([])
            room = MOST
        groups[-1] += item
        room -= size
    return groups


def zip_shots(paths: list[Path]) -> tuple[bytes, dict[str, tuple[bytes, int]]]:
    """Return a zip file of shots, and of each by name its bytes and where they start."""
    buffer = io.BytesIO()
    places = {}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            packed = path.read_bytes()
            member = zipfile.ZipInfo(path.name, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, packed)
            places[path.stem] = packed, buffer.tell() - len(packed)
    return buffer.getvalue(), places


def facts_of(packed: bytes) -> dict[str, Any]:
    """Return the facts of a shot that choosing and composing need; see `Shards`."""
    shot = Shot(unpack(packed))
    stored = {"twin": None} | shot.stored.facts
    if stored["domain"] not in _KEPT:
        raise UserError(f"a shot of the domain {stored['domain']!r}; one of {', '.join(_KEPT)}")
    facts = {name: _round(stored[name]) for name in _KEPT[stored["domain"]]}
    if "place" not in facts:
        facts["place"] = kind_of_place(stored["domain"], stored["seed"])
    garments = len(facts["outfit"]) if "outfit" in facts else shot.alpha.shape[-1]
    seen = (shot.alpha >= 128).mean((0, 1))[:garments]
    return facts | {"side": len(shot.alpha), "seen": _round(seen.tolist()), "shades": shot.shades[:garments]}


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_round(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def _report(stored: Shards, shards: list[str]) -> None:
    size = sum((stored.folder / name).stat().st_size for name in (*shards, INDEX)) / 2**20
    click.echo(f"{len(stored.facts)} shots in {len(shards)} files, {size:.1f} MiB")
    dressed = [item for domain in ("studio", "street") for item in stored.items(domain)]
    if dressed:
        few = sorted(item.number for item in dressed if len(item.shots) < LEAST)
        click.echo(f"outfits with fewer than {LEAST} shots: {', '.join(map(str, few)) or 'none'}")
    lone = [name for item in stored.items() for name in item.shots if stored.facts[name]["twin"]]
    click.echo(f"twins without their original, kept as shots: {', '.join(lone) or 'none'}")


if __name__ == "__main__":
    main()
