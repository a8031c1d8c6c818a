"""Measure and draw every part of the embedded base on scenes that none of them was trained on.

    python -m pretrain.examine --corpus pretrain/corpus --base models/base --pictures docs/images --report pretrain/metrics.json

Writes the sheets of docs/base.md: reconstructions, and forty held-out edits, unselected (the first forty pairs drawn from
a fixed seed).
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from atelier import world
from atelier.editing import edit
from atelier.editor import Editor, decode_latents, encode_images, load_editor
from atelier.images import to_pixels, to_tensor
from atelier.instructions import COLOURS, FULL, LOWER, PATTERNS, UPPER, instruct
from atelier.measures.clip import ClipScorer
from pretrain.corpus import spill

import random  # isort: skip

SIZE = 64
KINDS = {"upper": UPPER, "lower": LOWER, "full": FULL}


def held_out_scenes(count: int) -> list[world.Scene]:
    """Scenes from a seed of their own, studio and street in turn, held-out fabrics among them."""
    generators = [np.random.default_rng([99, index]) for index in range(count)]
    return [world.sample_outfit(rng, ("studio", "street")[i % 2], held_out=True) for i, rng in enumerate(generators)]


def grid(pictures: np.ndarray, columns: int, zoom: int) -> Image.Image:
    """uint8 (N, H, W, 3) as a contact sheet, enlarged without smoothing."""
    rows = [np.concatenate(list(pictures[i : i + columns]), 1) for i in range(0, len(pictures), columns)]
    sheet = Image.fromarray(np.concatenate(rows, 0))
    return sheet.resize((sheet.width * zoom, sheet.height * zoom), Image.Resampling.NEAREST)


def examine_autoencoder(editor: Editor, scenes: list[world.Scene], pictures: Path) -> dict[str, float]:
    """Reconstruction in dB, over the picture and inside the garments."""
    rendered = [world.render(scene, SIZE) for scene in scenes]
    x = to_tensor([r.image for r in rendered])
    y = torch.cat([decode_latents(editor, encode_images(editor, part) * editor.scaling_factor) for part in x.split(32)])
    worn = torch.from_numpy(np.stack([np.any([r.masks[s] for s in KINDS if s in r.masks], 0) for r in rendered]))[
        :, None
    ]
    error = (x - y).square()
    inside = (error * worn).sum((1, 2, 3)) / (3 * worn.sum((1, 2, 3)))
    both = np.stack([to_pixels(x[:40]), to_pixels(y[:40])], 1).reshape(-1, SIZE, SIZE, 3)
    grid(both, 16, 2).save(pictures / "base-reconstructions.png")
    return {
        "psnr": (-10 * error.mean((1, 2, 3)).log10()).mean().item(),
        "psnr_inside_garments": (-10 * inside.log10()).mean().item(),
    }


def examine_scorer(scorer: ClipScorer, scenes: list[world.Scene]) -> dict[str, float]:
    """Held-out accuracy in choosing among captions that differ in one word, and against wrong edits."""
    hits: dict[str, list[bool]] = {"colour": [], "pattern": [], "garment": []}
    for scene in scenes:
        image = scorer.image_features(to_tensor([world.render(scene, SIZE).image]))
        for slot, garment in scene.worn:
            for what, choices in {"colour": COLOURS, "pattern": PATTERNS, "garment": KINDS[slot]}.items():
                if len(choices) < 2:
                    continue
                field = "kind" if what == "garment" else what
                worn = dict(scene.worn)
                captions = []
                for choice in choices:
                    changed = tuple(
                        (s, world.Garment(**{**vars(g), field: choice}) if s == slot else g) for s, g in worn.items()
                    )
                    captions.append(world.describe_scene(world.Scene(**{**vars(scene), "worn": changed})))
                best = (image @ scorer.text_features(captions).T).argmax().item()
                hits[what].append(choices[best] == getattr(garment, field))
    return {f"{what}_accuracy": float(np.mean(found)) for what, found in hits.items()}


def examine_wrong_edits(scorer: ClipScorer, scenes: list[world.Scene]) -> dict[str, float]:
    """How often the exact target scores above a wrong-garment, a wrong-pattern and a flooded picture."""
    wins: dict[str, list[bool]] = {}
    for index, scene in enumerate(scenes):
        rng = np.random.default_rng([98, index])
        slot = list(scene.garments)[int(rng.integers(len(scene.garments)))]
        old = scene.garments[slot]
        colour = rng.choice([c for c in COLOURS if c != old.colour])
        pattern = rng.choice([p for p in PATTERNS if p != old.pattern])
        by_colour = index % 2 == 0
        exact = world.edit(scene, slot, **({"colour": str(colour)} if by_colour else {"pattern": str(pattern)}))
        layout = world.lay_out(scene, SIZE)
        source, target = world.paint(scene, layout), world.paint(exact, layout)
        other = rng.choice([p for p in PATTERNS if p not in (old.pattern, exact.garments[slot].pattern)])
        wrong = {
            "wrong_pattern": world.paint(world.edit(exact, slot, pattern=str(other)), layout),
            "flooded": spill(target, exact, layout, slot, rng),
        }
        rest = [s for s in scene.garments if s != slot]
        if rest:
            g = exact.garments[slot]
            there = world.edit(scene, rest[0], **({"colour": g.colour} if by_colour else {"pattern": g.pattern}))
            if there != scene:
                wrong["wrong_garment"] = world.paint(there, layout)
        names = list(wrong)
        f = scorer.image_features(to_tensor([source, target, *wrong.values()]))
        t = scorer.text_features([world.describe_scene(scene), world.describe_scene(exact)])
        direction = torch.nn.functional.cosine_similarity(f[1:] - f[:1], (t[1] - t[0])[None])
        plain = f[1:] @ t[1]
        wins.setdefault("exact_direction", []).append(direction[0].item())
        for place, name in enumerate(names, 1):
            wins.setdefault(f"direction_above_{name}", []).append(bool(direction[0] > direction[place]))
            wins.setdefault(f"similarity_above_{name}", []).append(bool(plain[0] > plain[place]))
    return {name: float(np.mean(values)) for name, values in wins.items()}


def examine_edits(
    editor: Editor, scenes: list[world.Scene], pictures: Path | None, steps: int, text: float, image: float
) -> dict[str, float]:
    """Edits of held-out scenes against their exact targets; the first forty are drawn, none is selected."""
    sources, targets, texts, masks, others = [], [], [], [], []
    for index, scene in enumerate(scenes):
        rng, wording = np.random.default_rng([97, index]), random.Random(index)
        slot = list(scene.garments)[int(rng.integers(len(scene.garments)))]
        old = scene.garments[slot]
        change = {}
        if index % 2 == 0:
            change["colour"] = str(rng.choice([c for c in COLOURS if c != old.colour]))
        else:
            change["pattern"] = str(rng.choice([p for p in PATTERNS if p != old.pattern]))
        layout = world.lay_out(scene, SIZE)
        sources.append(world.paint(scene, layout))
        targets.append(world.paint(world.edit(scene, slot, **change), layout))
        texts.append(instruct(wording, old.kind, **change))
        masks.append(layout.masks[slot])
        rest = [layout.masks[s] for s in scene.garments if s != slot]
        others.append(rest[0] if rest else None)
    x = to_tensor(sources)
    y = torch.cat([
        edit(editor, x[i : i + 32], texts[i : i + 32], list(range(i, min(i + 32, len(texts)))), steps=steps, guidance_text=text, guidance_image=image)
        for i in range(0, len(texts), 32)
    ])  # fmt: skip
    edited, exact = to_pixels(y), np.stack(targets)
    change = np.abs(edited.astype(float) - np.stack(sources)).mean(-1)
    inside = np.array([c[m].mean() for c, m in zip(change, masks, strict=True)])
    outside = np.array([c[~m].mean() for c, m in zip(change, masks, strict=True)])
    right = [
        c[m].mean() > c[o].mean() for c, m, o in zip(change, masks, others, strict=True) if o is not None and o.any()
    ]
    def psnr(a):
        return float(
            np.mean([10 * np.log10(255**2 / ((p.astype(float) - q) ** 2).mean()) for p, q in zip(a, exact, strict=True)])
        )
    if pictures is not None:
        triples = np.stack([np.stack(sources)[:40], exact[:40], edited[:40]], 1).reshape(-1, SIZE, SIZE, 3)
        grid(triples, 12, 2).save(pictures)
    return {
        "change_inside": float(inside.mean()), "change_outside": float(outside.mean()), "right_garment": float(np.mean(right)),
        "psnr_to_exact": psnr(edited), "psnr_of_copy": psnr(np.stack(sources)),
    }  # fmt: skip


@click.command()
@click.option("--base", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--pictures", type=click.Path(path_type=Path), required=True, help="Folder for the sheets.")
@click.option("--report", type=click.Path(path_type=Path), required=True)
@click.option("--scenes", type=click.IntRange(min=40), default=400, show_default=True)
@click.option("--steps", type=int, default=4, show_default=True)
def main(base: Path, pictures: Path, report: Path, scenes: int, steps: int) -> None:
    """Examine the base and write its report and sheets."""
    pictures.mkdir(parents=True, exist_ok=True)
    drawn = held_out_scenes(scenes)
    editor = load_editor(base / "editor", device="cpu")
    scorer = ClipScorer.load(base / "clip", "cpu")
    found = {
        "autoencoder": examine_autoencoder(editor, drawn[:200], pictures),
        "scoring": examine_scorer(scorer, drawn) | examine_wrong_edits(scorer, drawn),
        "editor": examine_edits(editor, drawn[:160], pictures / "base-edits.png", steps, 2.0, 1.2),
    }
    rounded = {part: {name: round(value, 4) for name, value in values.items()} for part, values in found.items()}
    report.write_text(json.dumps(rounded, indent=2) + "\n")
    click.echo(report.read_text())


if __name__ == "__main__":
    main()
