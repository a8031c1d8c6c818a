"""Export a fine-tuned editor: a diffusers pipeline with a model card, and the adapters alone if it is a LoRA."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.tensor_files import write_tensors
from atelier.export.model_card import ADAPTERS, KOHYA_ADAPTERS, write_card
from atelier.export.provenance import SHEET, trace
from atelier.models.finetuned import TRAINED_FACTS, read_facts, read_trained
from atelier.models.instruct_pix2pix import Editor, open_weights
from atelier.models.saving import save_pipeline


def export(folder: Path, out: Path, root: Path, dtype: str = "float32") -> tuple[str, ...]:
    """Write the fine-tuned editor of `folder` as a diffusers pipeline, and return what its model card lacks.

    Args:
        root: repository whose dvc.lock and metrics fill in the card, if they are of these weights.

    Raises:
        UserError: `folder` holds no fine-tuned editor, or `out` exists.
    """
    if not (folder / TRAINED_FACTS).is_file():
        raise UserError(f"{folder}: no fine-tuned editor: {TRAINED_FACTS} is missing; `dvc repro train` makes one")
    if out.exists():
        raise UserError(f"{out}: exists already; remove it or choose another folder")
    facts = read_facts(folder)
    known = trace(folder, root)
    matrices = read_adapters(folder, facts) if facts.get("method") == "lora" else {}
    with atomic_write(out) as partial:
        partial.mkdir()
        editor = open_weights(folder, "float32", "cpu")  # merge adapters before rounding
        if matrices:
            _save_adapters(matrices, partial)
        if facts.get("method") == "lora":  # W + (α / r) B A
            editor.unet.fuse_lora()
            editor.unet.unload_lora()
        _save_pipeline(editor, partial, dtype)
        if known.sheet:
            shutil.copyfile(known.sheet, partial / SHEET.name)
        (partial / "README.md").write_text(
            write_card(facts, known, editor.size, adapters=bool(matrices)), encoding="utf-8"
        )
    return known.missing


def _save_pipeline(editor: Editor, out: Path, dtype: str) -> None:
    from diffusers import StableDiffusionInstructPix2PixPipeline

    editor.unet.register_to_config(sample_size=editor.size // editor.latent_stride)  # what it was fine-tuned at
    if dtype == "bfloat16":
        for part in (editor.unet, editor.vae, editor.text_encoder):
            part.bfloat16()
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=editor.vae, text_encoder=editor.text_encoder, tokenizer=editor.tokenizer, unet=editor.unet,
        scheduler=editor.scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    save_pipeline(pipeline, out)


def read_adapters(folder: Path, facts: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the adapters' matrices by peft's names, with α / r multiplied into B; empty if other layers were trained.

    Readers assume α = r where α is not stored. If the base was widened, its first layer was trained too, and the
    adapters cannot be used without it.
    """
    scale = facts["lora_alpha"] / facts["lora_rank"]
    tensors = read_trained(folder, facts)
    if not all(".lora_" in name for name in tensors):
        return {}
    return {name: tensor * scale if ".lora_B." in name else tensor for name, tensor in tensors.items()}


def _save_adapters(matrices: Mapping[str, Tensor], out: Path) -> None:
    """Save the adapters in the layout of diffusers, and in that of kohya's scripts, which ComfyUI loads too."""
    from diffusers.utils import convert_state_dict_to_kohya

    layers = {f"unet.{name}": tensor.contiguous() for name, tensor in matrices.items()}
    write_tensors(out / ADAPTERS, layers, {"format": "pt"})
    kohya = {name: tensor.float().contiguous() for name, tensor in convert_state_dict_to_kohya(layers).items()}
    write_tensors(out / KOHYA_ADAPTERS, kohya, {"format": "pt"})
