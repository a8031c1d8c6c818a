"""Train the scoring CLIP: it judges edits and never conditions them.

    python -m pretrain.editor.clip --corpus pretrain/editor/corpus --out pretrain/editor/scoring
    python -m pretrain.editor.clip --corpus … --initial … --spills 0.5 --lr 5e-4 --out pretrain/editor/spills
    python -m pretrain.editor.clip --corpus … --initial … --spills 0.5 --directions 1 --lr 3e-4 --out …

A batch holds several pictures of each of its scenes (same person, other fabrics) and their leaky versions, whose
captions say what spilled; every caption is there a second time with a word wrong: another garment's name or, as
`--spills` asks, a spill that is not there or the lack of one that is. So the negatives are the hard ones: the wrong
garment, the wrong print, the flooded picture, the wrong name. `--directions` adds edits: the exact one must lie nearer
to the direction in which the caption changed than the same edit flooded.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer, CLIPVisionConfig

from atelier.images.tensors import to_tensor
from atelier.text.instructions import LOWER, UPPER, caption, describe
from pretrain.common.loop import SLOTS, LabelHeads, fit, label_table, read_corpus, training_options
from pretrain.common.tokenizer import build_tokenizer, text_config

WIDTH = 128
SCENES, EXACT, LEAKY = 24, 4, 2  # a batch: scenes, and the pictures of each
EDITS = 32  # and the edits, where directions are learnt
MARGIN, SLOPE = 0.05, 20.0  # by how much the exact edit shall be ahead, and how steep the logistic loss about it is
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def spill_of(picture: dict, slot: str) -> str:
    """What a caption says of a picture whose garment in `slot` has spilled."""
    return f", {picture['garments'][slot]['colour']} all over"


def caption_of(picture: dict, rng: np.random.Generator) -> str:
    """A picture's caption; a leaky picture's also says what spilled."""
    worn = [describe(g["kind"], g["colour"], g["pattern"]) for g in picture["garments"].values()]
    if rng.random() < 0.5:
        worn.reverse()
    text = caption(picture["gender"] if rng.random() < 0.9 else "person", worn)
    return text if picture["leaky"] is None else text + spill_of(picture, picture["leaky"])


def misname(picture: dict, text: str, rng: np.random.Generator) -> str:
    """The caption with one garment called by another's name: a negative that no picture of the scene provides."""
    slot, garment = list(picture["garments"].items())[int(rng.integers(len(picture["garments"])))]
    kinds = [kind for kind in (SLOTS[slot] if slot != "full" else UPPER + LOWER) if kind != garment["kind"]]
    old = describe(garment["kind"], garment["colour"], garment["pattern"])
    new = describe(kinds[int(rng.integers(len(kinds)))], garment["colour"], garment["pattern"])
    return text.replace(old, new, 1)


def misjudge_spill(picture: dict, text: str, rng: np.random.Generator) -> str:
    """The caption with a spill that the picture has not, or without the one that it has."""
    if picture["leaky"] is not None:
        return text.removesuffix(spill_of(picture, picture["leaky"]))
    return text + spill_of(picture, list(picture["garments"])[int(rng.integers(len(picture["garments"])))])


def build(size: int, tokenizer: CLIPTokenizer) -> CLIPModel:
    """An untrained CLIP for pictures of that side: 8 × 8 patches, 128 wide, 1.5 M parameters."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=WIDTH, num_hidden_layers=4,
        num_attention_heads=4, image_size=size, patch_size=size // 8,
    )  # fmt: skip
    text = text_config(tokenizer, width=WIDTH, layers=2, projection=WIDTH)
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH))


class Pictures:
    """Pictures by scene, and their labels."""

    def __init__(self, folder: Path) -> None:
        self.corpus = read_corpus(folder)
        self.exact: dict[int, list[int]] = {}
        self.leaky: dict[int, list[int]] = {}
        for index, picture in enumerate(self.corpus.pictures):
            (self.exact if picture["leaky"] is None else self.leaky).setdefault(picture["scene"], []).append(index)
        self.table = label_table(self.corpus)
        self.trained_pairs = np.array(
            [i for i, pair in enumerate(self.corpus.pairs) if pair["scene"] < self.corpus.train_scenes]
        )

    def draw(self, rng: np.random.Generator, scenes: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """EXACT clean and LEAKY leaky pictures of each scene: their indices and their captions."""
        some = []
        for scene in scenes:
            some += [
                *rng.choice(self.exact[scene], EXACT, replace=False),
                *rng.choice(self.leaky[scene], LEAKY, replace=False),
            ]
        return np.array(some), [caption_of(self.corpus.pictures[i], rng) for i in some]

    def draw_edits(self, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        """Indices (3 × EDITS) of sources, exact and flooded targets; captions (2 × EDITS) of sources and targets."""
        pairs = [self.corpus.pairs[i] for i in rng.choice(self.trained_pairs, EDITS, replace=False)]
        some = [pair[role] for role in ("source", "target", "leaky") for pair in pairs]
        seeds = rng.integers(2**32, size=EDITS)  # both captions of an edit are worded alike
        texts = [
            caption_of(self.corpus.pictures[pair[role]], np.random.default_rng(seed))
            for role in ("source", "target")
            for pair, seed in zip(pairs, seeds, strict=True)
        ]
        return np.array(some), texts


# −log σ(SLOPE (cos(I₁ − I₀, T₁ − T₀) − cos(I₁′ − I₀, T₁ − T₀) − MARGIN)) for the flooded I₁′, and 1 − cos of the exact
def direction_loss(images: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Ranking loss of edits, a scalar, and the share ranked rightly.

    Args:
        images: unit features (3 B, D) of sources, exact targets and flooded targets.
        texts: unit features (2 B, D) of the captions of sources and targets.
    """
    source, exact, flooded = images.chunk(3)
    before, after = texts.chunk(2)
    right, wrong = (F.cosine_similarity(edited - source, after - before) for edited in (exact, flooded))
    lead = right - wrong
    return (F.softplus(-SLOPE * (lead - MARGIN)) + 1 - right).mean(), (lead > 0).float().mean()


@click.command()
@training_options(steps=3000, lr=1e-3)
@click.option("--initial", "start", type=click.Path(path_type=Path, exists=True), help="Saved CLIP to go on from.")
@click.option("--spills", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of the wrong captions that err about the spill; the others misname a garment.")  # fmt: skip
@click.option("--directions", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Weight of the ranking of exact edits above flooded ones.")  # fmt: skip
def main(folder: Path, out: Path, steps: int, lr: float, start: Path | None, spills: float, directions: float) -> None:
    """Train by contrast (and, as an aid, by naming what is worn), then save model, tokenizer and image processor."""
    pictures = Pictures(folder)
    size = pictures.corpus.images.shape[1]
    torch.manual_seed(0)
    tokenizer = build_tokenizer() if start is None else CLIPTokenizer.from_pretrained(start)
    model = build(size, tokenizer) if start is None else CLIPModel.from_pretrained(start)
    heads = LabelHeads(WIDTH, pictures.table)
    both = nn.ModuleList([model, heads])
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))

    def embed(some: np.ndarray, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        x = (to_tensor(pictures.corpus.images[some]) - mean) / std
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            result = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, pixel_values=x)
        return tuple(F.normalize(e.float(), dim=-1) for e in (result.image_embeds, result.text_embeds))

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([5, step])
        some, texts = pictures.draw(rng, rng.choice(pictures.corpus.train_scenes, SCENES, replace=False))
        wrong = [
            (misjudge_spill if spills and rng.random() < spills else misname)(pictures.corpus.pictures[i], text, rng)
            for i, text in zip(some, texts, strict=True)
        ]
        image, text = embed(some, texts + wrong)
        logits = image @ text.T * model.logit_scale.exp().clamp(max=100)
        same = torch.tensor([[a == b for b in texts] for a in texts])
        goal = same.float() / same.sum(1, keepdim=True)
        by_picture = F.cross_entropy(logits, F.pad(goal, (0, len(wrong))))
        logits = logits[:, : len(texts)]
        contrast = 0.5 * (by_picture + F.cross_entropy(logits.T, goal))
        naming, accuracy = heads(image * 10, [torch.from_numpy(values[some]) for values in pictures.table.values()])
        top = (logits.argmax(1)[:, None] == torch.arange(len(texts))).logical_and(same).any(1).float().mean()
        loss, shown = contrast + naming, {"contrast": contrast.item(), "named": accuracy, "matched": top.item()}
        if directions:
            ranking, ranked = direction_loss(*embed(*pictures.draw_edits(np.random.default_rng([6, step]))))
            loss, shown = loss + directions * ranking, shown | {"ranking": ranking.item(), "ranked": ranked.item()}
        return loss, shown

    decayed = [p for p in both.parameters() if p.ndim > 1]
    plain = [p for p in both.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "lr": lr, "weight_decay": 0.05}, {"params": plain, "lr": lr, "weight_decay": 0.0}]
    settings = {
        "lr": lr,
        "start": start,
        "spills": spills,
        "directions": directions,
        "vocabulary": tokenizer.get_vocab(),
    }
    with fit("scoring", both, groups, loss_of, steps=steps, settings=settings):
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
        processor = CLIPImageProcessor(
            size={"shortest_edge": size}, crop_size={"height": size, "width": size}, image_mean=MEAN, image_std=STD
        )
        processor.save_pretrained(out)
        click.echo(f"scoring CLIP: {steps} steps of {SCENES * (EXACT + LEAKY)} pictures, saved to {out}")


if __name__ == "__main__":
    main()
