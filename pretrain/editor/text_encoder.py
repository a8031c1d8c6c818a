"""Pretrain the editor's text encoder, before the UNet, to classify garment, colour and pattern of an instruction.

It takes a minute. docs/log.md has the result without it.
"""

import random

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from atelier.text.instructions import FULL, LOWER, RENDERED_COLOURS, RENDERED_PATTERNS, UPPER, instruct

GARMENTS = ("main", *LOWER)  # "shirt" and "clothes" name any upper or full garment: one class


def draw_texts(rng: random.Random, count: int) -> tuple[list[str], torch.Tensor]:
    """Draw instructions and their labels, int64 (count, 3): garment, colour and pattern (0: not named)."""
    texts, labels = [], []
    for _ in range(count):
        garment = rng.choice(UPPER + LOWER + FULL)
        colour, pattern = rng.choice(RENDERED_COLOURS), rng.choice(RENDERED_PATTERNS)
        factor = rng.choice(("colour", "pattern", "both"))
        named = {"colour": colour if factor != "pattern" else None, "pattern": pattern if factor != "colour" else None}
        texts.append(instruct(rng, garment, **named))
        labels.append(
            (
                GARMENTS.index(garment) if garment in LOWER else 0,
                RENDERED_COLOURS.index(colour) + 1 if named["colour"] else 0,
                RENDERED_PATTERNS.index(pattern) + 1 if named["pattern"] else 0,
            )
        )
    return texts, torch.tensor(labels)


def pretrain(text: CLIPTextModel, tokenizer: CLIPTokenizer, *, steps: int = 400, batch_size: int = 64) -> float:
    """Train the encoder in place by classification from its last states; return the accuracy on the last batch."""
    heads = nn.Linear(text.config.hidden_size, len(GARMENTS) + len(RENDERED_COLOURS) + 1 + len(RENDERED_PATTERNS) + 1)
    optimizer = torch.optim.AdamW([*text.parameters(), *heads.parameters()], lr=1e-3, weight_decay=0.01)
    accuracy = 0.0
    for step in range(steps):
        texts, labels = draw_texts(random.Random(f"words {step}"), batch_size)
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        states = text(tokens).last_hidden_state
        ends = (tokens == tokenizer.eos_token_id).int().argmax(1)  # cross-attention uses all states: train two of them
        loss = torch.zeros(())
        for state in (states[torch.arange(batch_size), ends], states[:, -1]):
            parts = heads(state).split([len(GARMENTS), len(RENDERED_COLOURS) + 1, len(RENDERED_PATTERNS) + 1], 1)
            loss = loss + sum(F.cross_entropy(part, labels[:, i]) for i, part in enumerate(parts))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits = torch.stack([part.argmax(1) == labels[:, i] for i, part in enumerate(parts)])
        accuracy = hits.float().mean().item()
    return accuracy
