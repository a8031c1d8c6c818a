"""Tokenizers of the embedded models: byte-level BPE in CLIP's format, trained on the texts of the rendered data."""

import json
import random
from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTextConfig, CLIPTokenizer

from atelier.text.instructions import (
    FULL,
    LOWER,
    PROMPTS,
    RENDERED_COLOURS,
    RENDERED_PATTERNS,
    UPPER,
    caption,
    describe,
    instruct,
)

LENGTH = 24  # tokens of a text, start and end included
VOCABULARY = 768


def wordings(count: int = 4000) -> list[str]:
    """Draw instructions and captions that hold every word of the rendered data."""
    rng, garments = random.Random(0), UPPER + LOWER + FULL
    texts = [*PROMPTS, "a photo of clothes", "an image", "a person in pants", "no change"]
    for _ in range(count):
        colour, pattern = rng.choice(RENDERED_COLOURS), rng.choice(RENDERED_PATTERNS)
        garment, other = rng.choice(garments), rng.choice(garments)
        texts.append(instruct(rng, garment, colour=colour))
        texts.append(instruct(rng, garment, pattern=pattern))
        texts.append(instruct(rng, garment, colour=colour, pattern=pattern))
        worn = [
            describe(garment, colour, pattern),
            describe(other, rng.choice(RENDERED_COLOURS), rng.choice(RENDERED_PATTERNS)),
        ]
        texts.append(caption(rng.choice(("woman", "man", "person")), worn))
    return texts


def build_tokenizer(texts: Iterable[str] | None = None, vocabulary: int = VOCABULARY) -> CLIPTokenizer:
    """Train a CLIPTokenizer on `texts`, by default `wordings()`: one token per common word, bytes for the rest.

    Every process builds the same one: the bytes, and the bytes that end a word, are numbered before training; the
    trainer would number the latter in the order of a hash map, which differs between processes.
    """
    blank = CLIPTokenizer()
    special = [str(blank.bos_token), str(blank.eos_token)]
    trained = Tokenizer(BPE(end_of_word_suffix="</w>"))
    trained.normalizer = blank.backend_tokenizer.normalizer
    trained.pre_tokenizer = blank.backend_tokenizer.pre_tokenizer
    alphabet = sorted(ByteLevel.alphabet())
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[*alphabet, *(piece + "</w>" for piece in alphabet)],
        end_of_word_suffix="</w>",
        show_progress=False,
        min_frequency=2,
    )
    trained.train_from_iterator(wordings() if texts is None else texts, trainer)
    model = json.loads(trained.to_str())["model"]
    pieces = [*sorted(model["vocab"], key=model["vocab"].get), *special]
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = CLIPTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges)
    tokenizer.model_max_length = LENGTH
    return tokenizer


def text_config(tokenizer: CLIPTokenizer, *, width: int, layers: int, projection: int) -> CLIPTextConfig:
    """Configure a small CLIP text encoder for the tokenizer."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 4,
        projection_dim=projection,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
