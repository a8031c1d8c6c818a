"""Check edits and colours of pictures composed from all stored shots.

    PYTHONPATH=src python scripts/check_world.py --edits 500

Edits: colours, prints or both of random garments; the largest change of a pixel that the garment does not cover at all
must be 0. Cuts: pixels that a twin changes by more than --level, and how many of them lie outside of both cloths, by
the distance from them; this is light, shadow and skin that the cut uncovers. Colours: how often the name nearest
(ΔE2000) to a plain garment's median colour is its own.
"""

from collections import Counter

import click
import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.color import deltaE_ciede2000

from atelier.common import command
from atelier.metrics.colour import median_lab
from atelier.text.lexicon import LAB
from atelier.world import edit, edit_cut, lay_out, paint, render, sample_outfit
from atelier.world.fabrics import CLOTH_RGB, PATTERNS
from atelier.world.shards import Shards, find_folder

_LEAST = 100  # pixels of a garment whose colour is measured
_NEAR = (0, 2, 6)  # px


def check_edits(world: Shards, count: int, size: int) -> tuple[int, int]:
    """Return the largest change outside of the edited garments, and how many edits changed anything."""
    worst, effective = 0, 0
    for number in range(count):
        rng = np.random.default_rng([number, 31])
        scene = sample_outfit(rng, ("studio", "street")[number % 2], held_out=True, world=world)
        slot = list(scene.garments)[int(rng.integers(len(scene.worn)))]
        colour = list(CLOTH_RGB)[int(rng.integers(len(CLOTH_RGB)))] if number % 3 else None
        pattern = PATTERNS[int(rng.integers(len(PATTERNS)))] if number % 3 != 1 else None
        layout = lay_out(scene, size, world)
        edited = edit(scene, slot, colour=colour, pattern=pattern, grid=float(rng.choice([0, 1 / 16])))
        change = np.abs(paint(scene, layout).astype(int) - paint(edited, layout)).max(-1)
        worst = max(worst, int(change[layout.coverage[slot] == 0].max(initial=0)))
        effective += bool(change.any())
    return worst, effective


def check_cuts(world: Shards, count: int, size: int, level: int) -> tuple[int, list[float]]:
    """Return how many twins were compared, and the shares of changed pixels further than _NEAR from both cloths."""
    compared, outside, total = 0, np.zeros(len(_NEAR)), 0
    for number in range(count):
        scene = sample_outfit(np.random.default_rng([number, 32]), ("studio", "street")[number % 2], world=world)
        cut = edit_cut(scene, world)
        if cut is None:
            continue
        slot, _, after = cut
        layouts = [lay_out(one, size, world) for one in (scene, after)]
        pictures = [paint(one, layout).astype(int) for one, layout in zip((scene, after), layouts, strict=True)]
        changed = np.abs(pictures[0] - pictures[1]).max(-1) > level
        cloth = layouts[0].coverage[slot].astype(bool) | layouts[1].coverage[slot].astype(bool)
        away = distance_transform_edt(~cloth)
        outside += [(changed & (away > near)).sum() for near in _NEAR]
        total += changed.sum()
        compared += 1
    return compared, [float(share) for share in outside / max(total, 1)]


def check_colours(world: Shards, count: int, size: int) -> tuple[int, Counter[tuple[str, str]]]:
    """Return how many plain garments were measured, and which names were taken for which others."""
    names, values = list(LAB), np.array(list(LAB.values()))
    measured, wrong = 0, Counter[tuple[str, str]]()
    for number in range(count):
        scene = sample_outfit(np.random.default_rng([number, 33]), ("studio", "street")[number % 2], world=world)
        for place, slot in enumerate(scene.garments):
            name = names[(number + 7 * place) % len(names)]
            scene = edit(scene, slot, colour=name, pattern="solid")
        rendered = render(scene, size, world)
        for slot, garment in scene.worn:
            if rendered.masks[slot].sum() >= _LEAST:
                lab = median_lab(rendered.image, rendered.masks[slot])
                found = names[int(np.argmin(deltaE_ciede2000(lab[None], values)))]
                measured += 1
                wrong[garment.colour, found] += found != garment.colour
    return measured, +wrong


@click.command(cls=command.Command)
@click.option("--edits", default=500, show_default=True, help="Random edits, cuts and scenes for colours.")
@click.option("--size", default=128, show_default=True, help="Side of the pictures, px; that of the stored shots.")
@click.option("--level", default=8, show_default=True, help="Change that counts in twins, levels of 255.")
def main(edits: int, size: int, level: int) -> None:
    """Print what the checks found; exit with 1 if an edit changed a pixel outside of its garment."""
    world = Shards(find_folder())
    worst, effective = check_edits(world, edits, size)
    click.echo(f"{edits} edits, {effective} changed the picture; largest change outside of the garment: {worst} of 255")
    compared, outside = check_cuts(world, edits, size, level)
    said = ", ".join(f"{share:.1%} further than {near} px" for near, share in zip(_NEAR, outside, strict=True))
    click.echo(f"{compared} twins; of the pixels changed by more than {level}, outside of both cloths: {said}")
    measured, wrong = check_colours(world, edits, size)
    click.echo(f"{measured} plain garments, {1 - wrong.total() / max(measured, 1):.2%} named rightly; others:")
    for (name, found), count in wrong.most_common(12):
        click.echo(f"  {name} taken for {found}: {count}")
    if worst:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
