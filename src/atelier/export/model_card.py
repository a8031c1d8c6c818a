"""The model card of an exported editor: what it is, how to use it, how it was made, how it scored, whose it is."""

from collections.abc import Mapping
from typing import Any

from atelier.export.provenance import SHEET, Provenance
from atelier.metrics.registry import MODEL_TITLES, beside_paper
from atelier.stats.tables import DASH, interval, join_parts, markdown

ADAPTERS, KOHYA_ADAPTERS = "pytorch_lora_weights.safetensors", "lora-kohya.safetensors"
_SETTINGS = ("loss", "lambda_preserve", "lambda_ctx", "lambda_bg", "lr", "epochs", "batch_size", "ema", "seed")
_MODELS = {model: MODEL_TITLES[model] for model in ("baseline", "finetuned", "copy")} | {"finetuned": "**this editor**"}
_LICENCES = """\
## Licence

- The weights derive from the base model: its own licence holds for them too. Stable Diffusion 1.5's (CreativeML
  OpenRAIL-M) passes its use restrictions on to what is made from it; the small base of atelier itself is Apache-2.0.
- DeepFashion and DeepFashion2, and sets derived from them, are for non-commercial research: so is an editor
  trained on them. Fashionpedia's annotations are CC BY 4.0, its pictures their owners'.
- No safety checker is included. People in pictures have rights in them: edit with consent.
"""


def write_card(facts: Mapping[str, Any], known: Provenance, size: int, *, adapters: bool) -> str:
    """Markdown with the front matter that model hubs read.

    Args:
        facts: finetuned.json.
        known: what is known of data, parameters and figures; what is not is left out.
        size: side of the editor's square pictures, px.
        adapters: whether a LoRA's adapters are beside the card.
    """
    parts = [
        _front_matter(facts["base"]),
        f"# {facts['base']}, fine-tuned to edit fashion pictures",
        "An instruction-guided image editor: a picture and “make the shirt red” in, the edited picture out.",
        _picture(known),
        _usage(known, size),
        _adapters(facts["base"]) if adapters else "",
        _training(facts, known),
        _figures(known.report),
        _LICENCES,
    ]
    return join_parts(parts)


def _front_matter(base: str) -> str:
    lines = ["library_name: diffusers", "pipeline_tag: image-to-image", "license: other"]
    if base.count("/") == 1 and base[0].isalnum():  # a hub's name; ours are folders
        lines.append(f"base_model: {base}")
    return "\n".join(["---", *lines, "tags: [instruct-pix2pix, image-editing, fashion]", "---"])


def _picture(known: Provenance) -> str:
    return f"![Source, base and this editor on the same pictures]({SHEET.name})" if known.sheet else ""


def _usage(known: Provenance, size: int) -> str:
    sampling = known.params.get("generate", {})
    arguments = {"num_inference_steps": "steps", "guidance_scale": "guidance_text",
                 "image_guidance_scale": "guidance_image"}  # fmt: skip
    given = "".join(f", {name}={sampling[key]}" for name, key in arguments.items() if key in sampling)
    return f"""\
## Use it

```python
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image, ImageOps

pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained("THIS FOLDER", safety_checker=None)
picture = ImageOps.pad(ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB"), ({size}, {size}), color="white")
noise = torch.Generator().manual_seed(0)
edited = pipeline("make the shirt red", image=picture{given}, generator=noise).images[0]
```

Or `atelier edit photo.jpg "make the shirt red" --weights "THIS FOLDER"`: the same edit from the same seed and sampling,
put back at the photograph's own size, and only where the garment is."""


def _adapters(base: str) -> str:
    return (
        f"The adapters are merged into these weights. By themselves they are in `{ADAPTERS}` (for "
        f"`pipeline.load_lora_weights` on {base}) and in `{KOHYA_ADAPTERS}` (the layout of ComfyUI and of kohya's "
        f"scripts, for InstructPix2Pix checkpoints of the same base)."
    )


def _training(facts: Mapping[str, Any], known: Provenance) -> str:
    lines = [f"- {name.replace('_', ' ')}: {_value(value)}" for name, value in facts.items()]
    lines += [f"- {key}: {known.params['train'][key]}" for key in _SETTINGS if key in known.params.get("train", {})]
    prepare, pair = known.params.get("prepare", {}), known.params.get("pair", {})
    if prepare and pair:
        lines.append(
            f"- trained on: {prepare['seen']} ({pair['triplets']} triplets asked for, {prepare['size']} px); "
            f"measured on its test split and on {prepare['unseen']}"
        )
    lines += [f"- {path}: MD5 `{md5}`" for path, md5 in known.data.items()]
    return "\n".join(["## How it was made", "", *lines, *(f"- {remark}" for remark in known.missing)])


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _figures(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return ""
    metrics = beside_paper("paper")
    parts = [
        "## How it scored",
        "Means with 95 % intervals (clusters: source pictures). Similarities × 100; LPIPS and SSIM are between source "
        "and edited picture, so a copy of the input is perfect in both; leakage is the share of the change that is "
        "outside the garment.",
    ]
    for domain in ("seen", "unseen"):
        if domain in report:
            found = report[domain]
            rows = [
                [title, *(_cell(found[model].get(metric.key)) for metric in metrics)]
                for model, title in _MODELS.items()
                if model in found
            ]
            heading = f"### {domain.capitalize()} domain: {found['sources']} pictures, {found['probes']} edits"
            parts += [heading, markdown(["", *(metric.short for metric in metrics)], rows)]
    return join_parts(parts)


def _cell(cell: Mapping[str, float] | None) -> str:
    if cell is None:
        return DASH
    return f"{cell['mean']:.3g} ({interval(cell, '.3g')})"
