"""A fine-tuned editor as others load it: a whole diffusers pipeline, for LoRA also its adapters, and a model card."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.export.model_card import ADAPTERS, KOHYA_ADAPTERS, write_card
from atelier.export.provenance import SHEET, trace
from atelier.models.instruct_pix2pix import TRAINED_FACTS, TRAINED_TENSORS, Editor, open_weights


def export(folder: Path, out: Path, root: Path, dtype: str = "float32") -> tuple[str, ...]:
    """Write the fine-tuned editor of `folder` as a folder that diffusers' own pipeline loads; what its card lacks.

    The card's facts come from the records of the repository `root`, where they are of these very weights.

    Raises:
        UserError: there is no fine-tuned editor, or there is something at `out` already.
    """
    if not (folder / TRAINED_FACTS).is_file():
        raise UserError(f"{folder}: no fine-tuned editor there (no {TRAINED_FACTS}); `dvc repro train` makes one")
    if out.exists():
        raise UserError(f"{out}: is there already; remove it or name another folder")
    facts = json.loads((folder / TRAINED_FACTS).read_text(encoding="utf-8"))
    known = trace(folder, root)
    matrices = read_adapters(folder, facts) if facts["method"] == "lora" else {}
    with atomic_write(out) as partial:
        partial.mkdir()
        editor = open_weights(folder, "float32", "cpu")  # adapters are merged before anything is rounded
        if matrices:
            _save_adapters(matrices, partial)
        _save_pipeline(_merge(editor) if facts["method"] == "lora" else editor, partial, dtype)
        if known.sheet:
            shutil.copyfile(known.sheet, partial / SHEET.name)
        (partial / "README.md").write_text(
            write_card(facts, known, editor.size, adapters=bool(matrices)), encoding="utf-8"
        )
    return known.missing


def _save_pipeline(editor: Editor, out: Path, dtype: str) -> None:
    from diffusers import StableDiffusionInstructPix2PixPipeline

    for part in (editor.unet, editor.vae):
        part.register_to_config(_name_or_path="")  # else the path of the base on this machine goes with it
    if dtype == "bfloat16":
        for part in (editor.unet, editor.vae, editor.text_encoder):
            part.bfloat16()
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=editor.vae, text_encoder=editor.text_encoder, tokenizer=editor.tokenizer, unet=editor.unet,
        scheduler=editor.scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(out)


# W + (α / r) B A
def _merge(editor: Editor) -> Editor:
    """The same editor with plain layers in place of adapted ones. The given one is used up."""
    editor.unet.fuse_lora()
    editor.unet.unload_lora()
    return editor


def read_adapters(folder: Path, facts: Mapping[str, Any]) -> dict[str, Tensor]:
    """The adapters' matrices by peft's names, α / r multiplied into B; none where they are not all that was trained.

    So they need no note of α beside them: readers that are told of none take it to be the rank. Of a widened base the
    first layer was trained too, and without it the adapters are of no use to anyone.
    """
    scale = facts["lora_alpha"] / facts["lora_rank"]
    tensors = load_file(folder / TRAINED_TENSORS)
    if not all(".lora_" in name for name in tensors):
        return {}
    return {name: tensor * scale if ".lora_B." in name else tensor for name, tensor in tensors.items()}


def _save_adapters(matrices: Mapping[str, Tensor], out: Path) -> None:
    """The adapters in diffusers' layout, and in the one of kohya's scripts, which ComfyUI loads too."""
    from diffusers.utils import convert_state_dict_to_kohya

    layers = {f"unet.{name}": tensor.contiguous() for name, tensor in matrices.items()}
    save_file(layers, out / ADAPTERS, {"format": "pt"})
    kohya = {name: tensor.float().contiguous() for name, tensor in convert_state_dict_to_kohya(layers).items()}
    save_file(kohya, out / KOHYA_ADAPTERS, {"format": "pt"})
