"""Train the CLIP that scores images of products: which product, its colour, its logo's colour, where it is.

    python -m pretrain.sd.clip --corpus pretrain/sd/corpus --out pretrain/sd/base/painter-clip

Its image encoder starts as that of the editor's CLIP. Besides the other images' captions each image has a wrong caption
of its own that differs from the right one by one word: contrast alone would not require the colour.
"""

import random
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPModel

from atelier.common import command
from atelier.images.tensors import to_tensor
from atelier.synthetic.products import COLOURS, PLACES
from atelier.synthetic.products.things import THINGS
from pretrain.common.corpus import read_shots
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.editor.clip import MEAN, STD, build, decay_groups, same_captions, save
from pretrain.sd.text_encoder import build_words

INITIAL = Path("models/base/clip")
_EXCHANGED = (COLOURS, tuple(THINGS), PLACES, ("male", "female"))


def change_word(text: str, rng: random.Random) -> str:
    """Change one word of a caption: a colour, a product, a place or the person's gender; else add a place."""
    groups = [group for group in _EXCHANGED if any(f" {word} " in f" {text} " for word in group)]
    if not groups:
        return f"{text} {rng.choice(PLACES)}"
    group = groups[0] if rng.random() < 0.6 else rng.choice(groups)
    present = rng.choice([word for word in group if f" {word} " in f" {text} "])
    other = rng.choice([word for word in group if word != present])
    return f" {text} ".replace(f" {present} ", f" {other} ", 1).strip()


@command.stage
@input_option("corpus", "Folder of the products' corpus.")
@training_options(steps=600, batch_size=64, lr=1e-3)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train by contrast; report how often the right colour of ten is named; save in transformers' format."""
    images, shots, trained = read_shots(corpus)
    torch.manual_seed(0)
    tokenizer = build_words(shots)
    model = build(images.shape[1], tokenizer)
    model.vision_model.load_state_dict(CLIPModel.from_pretrained(INITIAL).vision_model.state_dict())
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))

    def embed(some: np.ndarray, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        x = (to_tensor(images[some]) - mean) / std
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        result = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, pixel_values=x)
        return tuple(F.normalize(e, dim=-1) for e in (result.image_embeds, result.text_embeds))

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.sort(np.random.default_rng([12, step]).choice(trained, batch_size, replace=False))
        rng = random.Random(f"clip {step}")
        texts = [shots[i]["prompt"] for i in some]
        image, text = embed(some, texts + [change_word(text, rng) for text in texts])
        right, own = text[:batch_size], text[batch_size:].view(batch_size, 1, -1)
        _, target = same_captions(texts)
        among = torch.cat([image @ right.T, (image[:, None] * own).sum(-1)], 1) * model.logit_scale.exp().clamp(max=100)
        contrast = F.cross_entropy(among, F.pad(target, (0, 1))) + F.cross_entropy(among[:, :batch_size].T, target)
        own_right = (among[:, batch_size:].amax(1) < among.diagonal()).float().mean().item()
        return contrast / 2, {"right of its own": own_right}

    settings = {"batch": batch_size, "lr": lr}
    with fit("sd-clip", model, decay_groups(model, lr), loss_of, steps=steps, settings=settings), torch.no_grad():
        model.eval()
        hits = []
        for i in [i for i in range(trained, len(shots)) if shots[i]["colour"]][:300]:
            texts = [shots[i]["prompt"].replace(shots[i]["colour"], colour, 1) for colour in COLOURS]
            image, text = embed(np.array([i]), texts)
            hits.append(COLOURS[int((text @ image[0]).argmax())] == shots[i]["colour"])
        click.echo(f"held-out colour named: {np.mean(hits):.4f} of {len(hits)}")
        save(model, tokenizer, images.shape[1], out)


if __name__ == "__main__":
    main()
