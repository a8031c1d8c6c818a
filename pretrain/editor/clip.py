"""Train the CLIP that scores edits; it never conditions them.

    python -m pretrain.editor.clip --corpus pretrain/editor/corpus --out pretrain/editor/scoring
    python -m pretrain.editor.clip --corpus … --initial … --spills 0.5 --lr 5e-4 --out pretrain/editor/spills
    python -m pretrain.editor.clip --corpus … --initial … --spills 0.5 --directions 1 --lr 3e-4 --out …

A batch holds several images of each of its scenes (same person, other fabrics) and their leaky versions, whose captions
name the spill. Every caption is repeated with one error: another garment's name or, with `--spills`, a spill that is
not there or a missing one. So the negatives are hard: the wrong garment, the wrong print, the flooded image, the wrong
name. `--directions` adds edits: the exact edit must be closer to the direction in which the caption changed than the
same edit flooded.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer, CLIPVisionConfig

from atelier.common import command
from atelier.common.options import Number
from atelier.images.tensors import to_tensor
from atelier.text.instructions import LOWER, UPPER, caption, describe
from pretrain.common.corpus import SLOTS, LabelHeads, label_table, read_corpus
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.common.tokenizer import build_tokenizer, text_config

WIDTH = 128
SCENES, EXACT, LEAKY = 24, 4, 2  # scenes of a batch, and the images of each
EDITS = 32  # edits of a batch, with --directions
MARGIN, SLOPE = 0.05, 20.0  # of the ranking loss
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def spill_of(picture: dict, slot: str) -> str:
    """Describe the spill of the garment in `slot`, as captions do."""
    return f", {picture['garments'][slot]['colour']} all over"


def caption_of(picture: dict, rng: np.random.Generator) -> str:
    """Return an image's caption; that of a leaky image also names the spill."""
    worn = [describe(g["kind"], g["colour"], g["pattern"]) for g in picture["garments"].values()]
    if rng.random() < 0.5:
        worn.reverse()
    text = caption(picture["gender"] if rng.random() < 0.9 else "person", worn)
    return text if picture["leaky"] is None else text + spill_of(picture, picture["leaky"])


def misname(picture: dict, text: str, rng: np.random.Generator) -> str:
    """Name one garment of the caption wrongly: a negative that no image of the scene provides."""
    slot, garment = list(picture["garments"].items())[int(rng.integers(len(picture["garments"])))]
    kinds = [kind for kind in (SLOTS[slot] if slot != "full" else UPPER + LOWER) if kind != garment["kind"]]
    old = describe(garment["kind"], garment["colour"], garment["pattern"])
    new = describe(kinds[int(rng.integers(len(kinds)))], garment["colour"], garment["pattern"])
    return text.replace(old, new, 1)


def misstate_spill(picture: dict, text: str, rng: np.random.Generator) -> str:
    """Add a spill that the image does not have to its caption, or remove the one that it has."""
    if picture["leaky"] is not None:
        return text.removesuffix(spill_of(picture, picture["leaky"]))
    return text + spill_of(picture, list(picture["garments"])[int(rng.integers(len(picture["garments"])))])


def build(size: int, tokenizer: CLIPTokenizer) -> CLIPModel:
    """Build an untrained CLIP for images of side `size`: 8 × 8 patches, width 128, 1.5 M parameters."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=WIDTH, num_hidden_layers=4,
        num_attention_heads=4, image_size=size, patch_size=size // 8,
    )  # fmt: skip
    text = text_config(tokenizer, width=WIDTH, layers=2, projection=WIDTH)
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH))


class Pictures:
    """Images by scene, and their labels."""

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
        """Draw EXACT clean and LEAKY leaky images of each scene; return their indices and captions."""
        some = []
        for scene in scenes:
            some += [
                *rng.choice(self.exact[scene], EXACT, replace=False),
                *rng.choice(self.leaky[scene], LEAKY, replace=False),
            ]
        return np.array(some), [caption_of(self.corpus.pictures[i], rng) for i in some]

    def draw_edits(self, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        """Draw edits: indices (3 × EDITS) of sources, exact and flooded targets; captions of sources and targets."""
        pairs = [self.corpus.pairs[i] for i in rng.choice(self.trained_pairs, EDITS, replace=False)]
        some = [pair[role] for role in ("source", "target", "leaky") for pair in pairs]
        seeds = rng.integers(2**32, size=EDITS)  # both captions of an edit have the same wording
        texts = [
            caption_of(self.corpus.pictures[pair[role]], np.random.default_rng(seed))
            for role in ("source", "target")
            for pair, seed in zip(pairs, seeds, strict=True)
        ]
        return np.array(some), texts


# −log σ(SLOPE (cos(I₁ − I₀, T₁ − T₀) − cos(I₁′ − I₀, T₁ − T₀) − MARGIN)) for the flooded I₁′, and 1 − cos of the exact
def direction_loss(images: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ranking loss of B edits, a scalar, and the share ranked correctly.

    Args:
        images: unit features (3 B, D) of sources, exact targets and flooded targets.
        texts: unit features (2 B, D) of the captions of sources and targets.
    """
    source, exact, flooded = images.chunk(3)
    before, after = texts.chunk(2)
    right, wrong = (F.cosine_similarity(edited - source, after - before) for edited in (exact, flooded))
    lead = right - wrong
    return (F.softplus(-SLOPE * (lead - MARGIN)) + 1 - right).mean(), (lead > 0).float().mean()


def save(model: CLIPModel, tokenizer: CLIPTokenizer, size: int, out: Path) -> None:
    """Write model, tokenizer and image processor in transformers' format."""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    processor = CLIPImageProcessor(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}, image_mean=MEAN, image_std=STD
    )
    processor.save_pretrained(out)


def decay_groups(model: nn.Module, lr: float) -> list[dict]:
    """Group the parameters for AdamW: matrices with weight decay, vectors and scalars without."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "lr": lr, "weight_decay": 0.05}, {"params": plain, "lr": lr, "weight_decay": 0.0}]


def same_captions(texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which of B captions are equal, bool (B, B), and the target distribution over them, float32 (B, B)."""
    same = torch.tensor([[a == b for b in texts] for a in texts])
    return same, same.float() / same.sum(1, keepdim=True)


class Contrast:
    """The losses of a CLIP and its label heads on batches of images."""

    def __init__(self, model: CLIPModel, tokenizer: CLIPTokenizer, pictures: Pictures, spills: float) -> None:
        self.model, self.tokenizer, self.pictures, self.spills = model, tokenizer, pictures, spills
        self.heads = LabelHeads(WIDTH, pictures.table)
        self.mean, self.std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))

    def embed(self, some: np.ndarray, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the unit features of images, given by index, and of texts."""
        x = (to_tensor(self.pictures.corpus.images[some]) - self.mean) / self.std
        tokens = self.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            result = self.model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, pixel_values=x)
        return tuple(F.normalize(e.float(), dim=-1) for e in (result.image_embeds, result.text_embeds))

    def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the contrastive loss plus the classification loss of one step's batch, and values to print."""
        rng, records = np.random.default_rng([5, step]), self.pictures.corpus.pictures
        some, texts = self.pictures.draw(rng, rng.choice(self.pictures.corpus.train_scenes, SCENES, replace=False))
        wrong = [
            (misstate_spill if self.spills and rng.random() < self.spills else misname)(records[i], text, rng)
            for i, text in zip(some, texts, strict=True)
        ]
        image, text = self.embed(some, texts + wrong)
        logits = image @ text.T * self.model.logit_scale.exp().clamp(max=100)
        same, target = same_captions(texts)
        by_image = F.cross_entropy(logits, F.pad(target, (0, len(wrong))))
        logits = logits[:, : len(texts)]
        contrast = 0.5 * (by_image + F.cross_entropy(logits.T, target))
        labels = [torch.from_numpy(values[some]) for values in self.pictures.table.values()]
        naming, accuracy = self.heads(image * 10, labels)
        top = (logits.argmax(1)[:, None] == torch.arange(len(texts))).logical_and(same).any(1).float().mean()
        return contrast + naming, {"contrast": contrast.item(), "named": accuracy, "matched": top.item()}


@command.stage
@input_option("corpus", "Folder of the editor's corpus.")
@training_options(steps=3000, lr=1e-3)
@input_option("initial", "Saved CLIP to start from.", required=False)
@click.option("--spills", type=Number(0, 1), default=0.0,
              help="Share of the wrong captions that misstate the spill; the others misname a garment.")  # fmt: skip
@click.option("--directions", type=Number(0, 1e9), default=0.0,
              help="Weight of the loss that ranks exact edits above flooded ones.")  # fmt: skip
def main(
    corpus: Path, out: Path, steps: int, lr: float, initial: Path | None, spills: float, directions: float
) -> None:  # fmt: skip
    """Train by contrast and, as an auxiliary loss, by classifying what is worn; save in transformers' format."""
    pictures = Pictures(corpus)
    size = pictures.corpus.images.shape[1]
    torch.manual_seed(0)
    tokenizer = build_tokenizer() if initial is None else CLIPTokenizer.from_pretrained(initial)
    model = build(size, tokenizer) if initial is None else CLIPModel.from_pretrained(initial)
    contrast = Contrast(model, tokenizer, pictures, spills)
    both = nn.ModuleList([model, contrast.heads])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        loss, shown = contrast.loss(step)
        if directions:
            edits = contrast.embed(*pictures.draw_edits(np.random.default_rng([6, step])))
            ranking, ranked = direction_loss(*edits)
            loss, shown = loss + directions * ranking, shown | {"ranking": ranking.item(), "ranked": ranked.item()}
        return loss, shown

    settings = {
        "lr": lr, "initial": initial, "spills": spills, "directions": directions,
        "vocabulary": tokenizer.get_vocab(),
    }  # fmt: skip
    with fit("clip", both, decay_groups(both, lr), loss_of, steps=steps, settings=settings):
        save(model, tokenizer, size, out)
        click.echo(f"CLIP: {steps} steps of {SCENES * (EXACT + LEAKY)} images, saved to {out}")


if __name__ == "__main__":
    main()
