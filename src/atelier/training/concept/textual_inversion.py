"""Textual Inversion (Gal et al. 2023): new rows of the token table, and nothing else; a row is a word's meaning."""

import copy
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from atelier.common.errors import UserError
from atelier.models.networks import ExtendedEmbedding, share
from atelier.models.text_to_image import StableDiffusion, TextToImage
from atelier.training.concept.config import Concept
from atelier.training.concept.start import Start

_FILE = "learned_embeds.safetensors"  # the name that diffusers looks for


def prepare(base: TextToImage, settings: Concept) -> Start:
    """Train the rows of the tokens `placeholder`, `placeholder_1`, …, which start as the initialiser's.

    The tables' old rows are no parameters of what is trained, so that no optimiser, decay or average can touch them.

    Raises:
        UserError: the placeholder is a token already, the initialiser is not one token, or the model has several text
            encoders.
    """
    if not isinstance(base, StableDiffusion):
        raise UserError("train.method: textual_inversion is for models with one text encoder; use lora")
    tokens = [settings.placeholder, *(f"{settings.placeholder}_{number}" for number in range(1, settings.vectors))]
    tokenizer = copy.deepcopy(base.parts["tokenizer"])
    known = tokenizer.get_vocab()
    if settings.placeholder in known:
        raise UserError(f"train.placeholder: {settings.placeholder!r} is a token already; choose a word of your own")
    found = tokenizer(settings.initialiser, add_special_tokens=False).input_ids
    if len(found) != 1:
        raise UserError(f"train.initialiser: {settings.initialiser!r} is {len(found)} tokens; choose a shorter word")
    first = len(tokenizer)
    tokenizer.add_tokens(tokens)
    networks = share(base.networks)
    table = networks.text_encoder.get_input_embeddings()
    rows = table.weight[found[0]].float().repeat(len(tokens), 1)
    grown = ExtendedEmbedding(table, rows, first)
    networks.text_encoder.set_input_embeddings(grown)
    model = replace(
        base,
        networks=networks,
        parts={**base.parts, "tokenizer": tokenizer},
        longhand={tokens[0]: " ".join(tokens)} if len(tokens) > 1 else {},
    )
    names = tuple(name for name, parameter in networks.named_parameters() if parameter is grown.rows)
    return Start(model, names, trains_text=True, placeholder=settings.placeholder)


def save(model: TextToImage, settings: Concept, out: Path) -> None:
    """The new rows (V, C) under the placeholder's name."""
    rows = model.networks.text_encoder.get_input_embeddings().rows
    save_file({settings.placeholder: rows.detach().cpu().contiguous()}, out / _FILE, {"format": "pt"})
