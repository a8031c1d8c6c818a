"""Tokenizer and text encoder of the text-to-image model and of the editor that starts from it.

The encoder is first trained to say what each garment of a caption is, from the state of the garment's last token and
from the states after the caption: the denoiser then reads "red" as a property of the right garment from its first step.
"""

import random
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from atelier.text.instructions import PROMPTS, caption, describe, instruct
from atelier.world.fabrics import CLOTH_RGB, PATTERNS
from atelier.world.programs import GARMENTS, NAMES
from pretrain.common.tokenizer import build_tokenizer, text_config

WIDTH, LAYERS, LENGTH = 128, 3, 32  # LENGTH: tokens of a text, start and end included
VOCABULARY = 1024
COLOURS, KINDS = tuple(CLOTH_RGB), (*GARMENTS, *NAMES.values())
_LARGEST = 2  # garments of a drawn caption


def wordings(count: int = 6000) -> list[str]:
    """Draw captions and instructions with every colour, print and garment of the lexicon."""
    rng, texts = random.Random(0), [*PROMPTS, "a person in clothes", "longer shorter wider tighter sleeves sleeveless"]
    for _ in range(count):
        kind, colour, pattern = rng.choice(KINDS), rng.choice(COLOURS), rng.choice(PATTERNS)
        texts.append(draw_caption(rng)[0])
        named = ({"colour": colour}, {"pattern": pattern}, {"colour": colour, "pattern": pattern})
        texts += [instruct(rng, kind, **values) for values in named]
    return texts


def build_words(captions: Iterable[str]) -> CLIPTokenizer:
    """Train the tokenizer on captions of the corpus and on `wordings`; the same captions always give the same one."""
    tokenizer = build_tokenizer([*captions, *wordings()], VOCABULARY)
    tokenizer.model_max_length = LENGTH
    return tokenizer


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Build an untrained text encoder."""
    config = text_config(tokenizer, width=WIDTH, layers=LAYERS, projection=WIDTH)
    config.max_position_embeddings = LENGTH
    return CLIPTextModel(config)


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """Return the token ids of texts, int64 (B, LENGTH), padded or cut."""
    return tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt").input_ids


def draw_caption(rng: random.Random) -> tuple[str, list[tuple[int, int, int]]]:
    """Draw a caption of one or two garments; return it and (kind, colour, pattern) of each, as indices."""
    garments, labels = [], []
    for _ in range(rng.randint(1, _LARGEST)):
        kind, colour, pattern = rng.randrange(len(KINDS)), rng.randrange(len(COLOURS)), rng.randrange(len(PATTERNS))
        garments.append(describe(KINDS[kind], COLOURS[colour], PATTERNS[pattern]))
        labels.append((kind, colour, pattern))
    return caption(rng.choice(("woman", "man")), garments), labels


def _ends(tokenizer: CLIPTokenizer, text: str, labels: list[tuple[int, int, int]]) -> list[int]:
    """Return the position of the last token of each garment of a caption."""
    ends, start = [], 0
    for kind, colour, pattern in labels:
        words = describe(KINDS[kind], COLOURS[colour], PATTERNS[pattern])
        start = text.index(words, start) + len(words)
        ends.append(len(tokenizer(text[:start]).input_ids) - 2)  # without the end token
    return ends


def pretrain(text: CLIPTextModel, tokenizer: CLIPTokenizer, *, steps: int = 1500, batch_size: int = 48) -> float:
    """Train the encoder in place by classification; return the accuracy of kind, colour and pattern on the last batch.

    From the state of a garment's last token: its own kind, colour and pattern; from the last state of all, those of
    the first and the last garment.
    """
    sizes = [len(KINDS), len(COLOURS), len(PATTERNS)]
    heads = nn.ModuleList(nn.Linear(WIDTH, sum(sizes)) for _ in range(3))  # own, first, last
    optimizer = torch.optim.AdamW([*text.parameters(), *heads.parameters()], lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    accuracy = 0.0
    for step in range(steps):
        rng = random.Random(f"captions {step}")
        drawn = [draw_caption(rng) for _ in range(batch_size)]
        states = text(tokenize(tokenizer, [caption for caption, _ in drawn])).last_hidden_state
        places = [(row, end) for row, one in enumerate(drawn) for end in _ends(tokenizer, *one)]
        rows, ends = torch.tensor(places).T
        own = torch.tensor([label for _, labels in drawn for label in labels])
        first, last = (torch.tensor([labels[n] for _, labels in drawn]) for n in (0, -1))
        seen = ((states[rows, ends], own), (states[:, -1], first), (states[:, -1], last))
        loss, hits = torch.zeros(()), []
        for head, (state, truth) in zip(heads, seen, strict=True):
            for part, label in zip(head(state).split(sizes, 1), truth.T, strict=True):
                loss = loss + F.cross_entropy(part, label)
                hits.append((part.argmax(1) == label).float().mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        accuracy = torch.stack(hits).mean().item()
    return accuracy
