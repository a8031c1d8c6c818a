"""Train the CLIP that scores pictures of the showroom: what a thing is, its colour, its logo's colour, where it stands.

    python -m pretrain.sd.clip --corpus pretrain/sd/corpus --out pretrain/sd/base/painter-clip

Its picture tower starts as the editor's scorer's. Beside the other pictures' captions each picture has a wrong
caption of its own, that differs from the right one by one word: contrast alone would not ask for the colour.
"""

import random
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPImageProcessor, CLIPModel

from atelier.images.tensors import to_tensor
from atelier.synthetic.products import COLOURS, PLACES
from atelier.synthetic.products.things import THINGS
from pretrain.common.loop import fit, training_options
from pretrain.editor.clip import MEAN, STD, build
from pretrain.sd.corpus import read
from pretrain.sd.text_encoder import build_words

START = Path("models/base/clip")
WRONG = 1  # wrong captions of a picture
_EXCHANGED = (COLOURS, tuple(THINGS), PLACES, ("male", "female"))


def err(text: str, rng: random.Random) -> str:
    """The caption with one of its words changed: a colour, a thing, a place or the model."""
    groups = [group for group in _EXCHANGED if any(f" {word} " in f" {text} " for word in group)]
    if not groups:
        return f"{text} {rng.choice(PLACES)}"
    group = groups[0] if rng.random() < 0.6 else rng.choice(groups)
    present = rng.choice([word for word in group if f" {word} " in f" {text} "])
    other = rng.choice([word for word in group if word != present])
    return f" {text} ".replace(f" {present} ", f" {other} ", 1).strip()


@click.command()
@training_options(steps=600, batch_size=64, lr=1e-3)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train by contrast; report how often the right colour, of ten, is named; save model, tokenizer and processor."""
    images, shots, trained = read(folder)
    torch.manual_seed(0)
    tokenizer = build_words(shots)
    model = build(images.shape[1], tokenizer)
    model.vision_model.load_state_dict(CLIPModel.from_pretrained(START).vision_model.state_dict())
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))

    def embed(some: np.ndarray, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        x = (to_tensor(images[some]) - mean) / std
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        result = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, pixel_values=x)
        return tuple(F.normalize(e, dim=-1) for e in (result.image_embeds, result.text_embeds))

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.sort(np.random.default_rng([12, step]).choice(trained, batch_size, replace=False))
        wording = random.Random(f"clip {step}")
        texts = [shots[i]["prompt"] for i in some]
        wrong = [err(text, wording) for text in texts for _ in range(WRONG)]
        image, text = embed(some, texts + wrong)
        scale = model.logit_scale.exp().clamp(max=100)
        right, own = text[:batch_size], text[batch_size:].view(batch_size, WRONG, -1)
        same = torch.tensor([[a == b for b in texts] for a in texts])
        goal = same.float() / same.sum(1, keepdim=True)
        among = torch.cat([image @ right.T, (image[:, None] * own).sum(-1)], 1) * scale
        contrast = F.cross_entropy(among, F.pad(goal, (0, WRONG))) + F.cross_entropy(among[:, :batch_size].T, goal)
        own_right = (among[:, batch_size:].amax(1) < among.diagonal()).float().mean().item()
        return contrast / 2, {"right of its own": own_right}

    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "lr": lr, "weight_decay": 0.05}, {"params": plain, "lr": lr, "weight_decay": 0.0}]
    with fit("painter-clip", model, groups, loss_of, steps=steps, settings={"batch": batch_size, "lr": lr}):
        model.eval()
        held = [i for i in range(trained, len(shots)) if shots[i]["colour"]][:300]
        hits = [_names_colour(embed, i, shots[i]) for i in held]
        click.echo(f"held-out colour named: {np.mean(hits):.4f} of {len(hits)}")
        side = images.shape[1]
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
        CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}, image_mean=MEAN, image_std=STD
        ).save_pretrained(out)


@torch.no_grad()
def _names_colour(embed, index: int, shot: dict) -> bool:
    texts = [shot["prompt"].replace(shot["colour"], colour, 1) for colour in COLOURS]
    image, text = embed(np.array([index]), texts)
    return COLOURS[int((text @ image[0]).argmax())] == shot["colour"]


if __name__ == "__main__":
    main()
