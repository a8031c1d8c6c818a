"""Methods that teach a text-to-image model a concept: what each trains, and how its result is saved.

Loop, data, prior preservation, processes and the loop's settings are the same for all.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.tensor_files import write_tensors
from atelier.models import lora
from atelier.models.base import share, with_tensors
from atelier.models.networks import ExtendedEmbedding
from atelier.models.saving import save_pipeline
from atelier.models.text_to_image import StableDiffusion, TextToImage
from atelier.training.concept.config import Concept
from atelier.training.task import Trainable

_TEXT = "text_encoder"
_LORA_FILE, _EMBEDS_FILE = "pytorch_lora_weights.safetensors", "learned_embeds.safetensors"  # diffusers looks for them


def prepare(base: TextToImage, settings: Concept) -> Trainable:
    """Return what `method` trains of `base`, which does not change.

    Raises:
        UserError: the settings do not fit the model.
    """
    return _METHODS[settings.method][0](base, settings)


def save(model: TextToImage, settings: Concept, out: Path) -> None:
    """Write a trained model as the folder that diffusers' own loader of the method takes.

    dreambooth: `from_pretrained`; textual_inversion: `load_textual_inversion`; lora: `load_lora_weights`.

    Raises:
        UserError: `out` exists.
    """
    if out.exists():
        raise UserError(f"{out}: is there already; remove it or name another folder")
    with atomic_write(out) as partial:
        partial.mkdir()
        _METHODS[settings.method][1](model, settings, partial)


def _prepare_dreambooth(base: TextToImage, settings: Concept) -> Trainable:
    """DreamBooth (Ruiz et al. 2023): the whole denoiser. Prior preservation is data, as rows of another weight."""
    return Trainable(base, _unchanged(f"{base.denoiser_name}.{name}" for name, _ in base.denoiser.named_parameters()))


def _save_dreambooth(model: TextToImage, settings: Concept, out: Path) -> None:
    """Save a whole pipeline."""
    save_pipeline(model.pipeline(), out)


def _prepare_inversion(base: TextToImage, settings: Concept) -> Trainable:
    """Textual Inversion (Gal et al. 2023): new rows of the token table, which start as the initialiser's.

    They belong to the tokens `placeholder`, `placeholder_1`, …. The table's old rows are no parameters of what is
    trained, so that no optimizer, weight decay or EMA can change them.

    Raises:
        UserError: the placeholder is not read back as written or is a token already, the initialiser is not one token,
            or the model has several text encoders.
    """
    if not isinstance(base, StableDiffusion):
        raise UserError("train.method: textual_inversion is for models with one text encoder; use lora")
    tokens = [settings.placeholder, *(f"{settings.placeholder}_{number}" for number in range(1, settings.vectors))]
    found = base.parts["tokenizer"](settings.initialiser, add_special_tokens=False).input_ids
    if len(found) != 1 or found[0] in base.parts["tokenizer"].all_special_ids:
        raise UserError(f"train.initialiser: {settings.initialiser!r} is {len(found)} tokens; choose a shorter word")
    first = len(base.parts["tokenizer"])
    tokenizer = _extend(base.parts["tokenizer"], tokens)
    network = share(base.network)
    table = network.text_encoder.get_input_embeddings()
    extended = ExtendedEmbedding(table, table.weight[found[0]].float().repeat(len(tokens), 1), first)
    network.text_encoder.set_input_embeddings(extended)
    parts = {**base.parts, "tokenizer": tokenizer}
    longhand = {tokens[0]: " ".join(tokens)} if len(tokens) > 1 else {}
    names = _unchanged(name for name, parameter in network.named_parameters() if parameter is extended.rows)
    model = replace(base, network=network, parts=parts, longhand=longhand)
    return Trainable(model, names, trains_text=True, placeholder=settings.placeholder)


def _extend(tokenizer: Any, tokens: Sequence[str]) -> Any:
    """Return a copy of a tokenizer with new tokens, the placeholder and those numbered after it.

    A tokenizer normalises a prompt before it looks for tokens (CLIP's: small letters, composed accents, single spaces),
    and diffusers looks for the placeholder in what comes out. A placeholder that normalising changes would be read in
    part, and one with a numbered relative among the tokens would be read as that one too.

    Raises:
        UserError: the placeholder, or a token numbered after it, is not read back as written or is a token already.
    """
    placeholder, known = tokens[0], tokenizer.get_vocab()
    if placeholder.split() != [placeholder] or not placeholder.isprintable():
        raise UserError(f"train.placeholder: {placeholder!r} has spaces or signs that do not print; choose one word")
    stem, _, number = placeholder.rpartition("_")
    relatives = [*tokens, f"{placeholder}_{len(tokens)}", *([stem] if number.isdecimal() else [])]
    taken = next((word for word in relatives if word in known), None)
    if taken is not None:
        raise UserError(f"train.placeholder: {taken!r} is a token already; choose another word than {placeholder!r}")
    extended = copy.deepcopy(tokenizer)
    extended.add_tokens(list(tokens))
    read = extended.tokenize(placeholder)
    if read != [placeholder]:
        raise UserError(f"train.placeholder: {placeholder!r} is read as {''.join(read)!r}; write that")
    if [token for token in extended.tokenize(f"({' '.join(tokens)}).") if token in tokens] != list(tokens):
        raise UserError(f"train.placeholder: {placeholder!r} is not kept whole in a prompt; choose another word")
    return extended


def _save_inversion(model: TextToImage, settings: Concept, out: Path) -> None:
    """Save the new rows (V, C) under the placeholder's name."""
    rows = model.network.text_encoder.get_input_embeddings().rows
    write_tensors(out / _EMBEDS_FILE, {settings.placeholder: rows.detach().cpu()}, {"format": "pt"})


def _prepare_lora(base: TextToImage, settings: Concept) -> Trainable:
    """Adapters on the denoiser and, with a learning rate of their own, on the text encoder; float32 in any base.

    Raises:
        UserError: a target names no layer that takes an adapter, or the model's text encoders stay frozen.
    """
    targets = {base.denoiser_name: settings.lora_targets}
    if settings.text_lr:
        if not hasattr(base.network, _TEXT):
            raise UserError("train.text_lr: this model's text encoders stay frozen; leave it at 0")
        targets[_TEXT] = settings.text_targets
    network, values = share(base.network), {}
    for part, wanted in targets.items():
        adapted = lora.inject(getattr(network, part), settings.lora_rank, settings.lora_alpha, wanted)
        setattr(network, part, adapted)
        values |= lora.initial_values(adapted, settings.seed, f"{part}.")
    factor = settings.text_lr / settings.lr
    return Trainable(
        with_tensors(base.with_network(network), values),
        _unchanged(values),
        trains_text=_TEXT in targets,
        lr_factors={name: factor for name in values if name.startswith(_TEXT)},
    )


def _save_lora(model: TextToImage, settings: Concept, out: Path) -> None:
    """Save the adapters' matrices, B multiplied by α / r: readers that are told no α assume α = r."""
    scale, found = settings.lora_alpha / settings.lora_rank, {}
    for part, network in model.network.named_children():
        own = dict(network.named_parameters())
        # transformers 5 dropped CLIP's inner name; readers of any version know it
        prefix = f"{part}.text_model" if part == _TEXT and not hasattr(network, "text_model") else part
        for name, saved in lora.names(network).items():
            matrix = own[name].detach().cpu() * (scale if ".lora_B." in saved else 1.0)
            found[f"{prefix}.{saved}"] = matrix
    write_tensors(out / _LORA_FILE, found, {"format": "pt"})


def _unchanged(names: Sequence[str]) -> dict[str, str]:
    """Map names to themselves."""
    return {name: name for name in names}


_METHODS = {
    "dreambooth": (_prepare_dreambooth, _save_dreambooth),
    "textual_inversion": (_prepare_inversion, _save_inversion),
    "lora": (_prepare_lora, _save_lora),
}
