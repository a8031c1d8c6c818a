"""Fill in the model card of an exported editor: use, training, scores, licences. Its text is `model_card.md`."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template

from atelier.export.provenance import SHEET, Provenance
from atelier.metrics.definitions import DEFINITIONS
from atelier.metrics.registry import MODEL_TITLES, beside_paper
from atelier.stats.tables import DASH, interval, markdown

ADAPTERS, KOHYA_ADAPTERS = "pytorch_lora_weights.safetensors", "lora-kohya.safetensors"
_LAMBDAS = ("lambda_preserve", "lambda_ctx", "lambda_bg", "lambda_prior")
_SETTINGS = ("loss", *_LAMBDAS, "lr", "epochs", "batch_size", "ema", "seed")
_MODELS = {model: MODEL_TITLES[model] for model in ("baseline", "finetuned", "copy")} | {"finetuned": "**this editor**"}
_PIPELINE = "StableDiffusionInstructPix2PixPipeline"
_SAMPLING = {  # parameter of `generate` → argument of the diffusers pipeline and its default, for an unknown value
    "steps": ("num_inference_steps", 100),
    "guidance_text": ("guidance_scale", 7.5),
    "guidance_image": ("image_guidance_scale", 1.5),
}


def write_card(facts: Mapping[str, Any], known: Provenance, size: int, *, adapters: bool) -> str:
    """Return the card as Markdown, with the front matter that model hubs read.

    Args:
        facts: finetuned.json.
        known: data, parameters and scores; the card omits what is unknown.
        size: side of the editor's square images, px.
        adapters: whether LoRA adapters are saved beside the card.
    """
    sampling = {key: known.params.get("generate", {}).get(key, default) for key, (_, default) in _SAMPLING.items()}
    unguided = sampling["guidance_text"] <= 1 or sampling["guidance_image"] < 1  # diffusers leaves guidance out
    text = files("atelier.export").joinpath("model_card.md").read_text("utf-8")
    return Template(
        text, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    ).render(
        facts=facts,
        on_hub=facts["base"].count("/") == 1 and facts["base"][0].isalnum(),  # a hub id; folders have more parts
        sheet=known.sheet and SHEET.name,
        size=size,
        is_trained_size=bool(facts.get("size")),
        sampling="".join(f", {_SAMPLING[key][0]}={value}" for key, value in sampling.items()),
        options="".join(f" --{key.replace('_', '-')} {value}" for key, value in sampling.items()),
        unguided=unguided,
        pipeline="Pipeline" if unguided else _PIPELINE,
        adapters=adapters and ADAPTERS,
        kohya=KOHYA_ADAPTERS,
        training=list(_training(facts, known)),
        metrics=[(one, DEFINITIONS[one.key]) for one in beside_paper("paper") if one.key in DEFINITIONS],
        scores=list(_scores(known.report or {})),
    )


def _training(facts: Mapping[str, Any], known: Provenance) -> Iterator[str]:
    for name, value in facts.items():
        if name == "size":
            continue  # said with the call
        grouped = isinstance(value, int) and not isinstance(value, bool)
        yield f"{name.replace('_', ' ')}: {value:,}" if grouped else f"{name.replace('_', ' ')}: {value}"
    settings = known.params.get("train", {})
    yield from (f"{key}: {settings[key]}" for key in _SETTINGS if key in settings)
    if (keep := known.params.get("generate", {}).get("keep", "none")) != "none":
        yield f"its edits were scored with `generate.keep: {keep}`, which the code above leaves out"
    prepare, pair = known.params.get("prepare", {}), known.params.get("pair", {})
    if prepare and pair:
        yield (
            f"trained on {prepare['seen']} ({pair['triplets']} triplets requested, {prepare['size']} px); "
            f"evaluated on its test split and on {prepare['unseen']}"
        )
    yield from (f"{path}: MD5 `{md5}`" for path, md5 in known.data.items())
    yield from known.missing


def _scores(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a heading and a table per domain."""
    metrics = beside_paper("paper")
    for domain, found in ((name, report[name]) for name in ("seen", "unseen") if name in report):
        rows = [
            [title, *(_mean_and_interval(found[model].get(metric.key)) for metric in metrics)]
            for model, title in _MODELS.items()
            if model in found
        ]
        heading = f"{domain.capitalize()} domain: {found['sources']} images, {found['probes']} edits"
        yield heading, markdown(["", *(metric.short for metric in metrics)], rows)


def _mean_and_interval(estimate: Mapping[str, float] | None) -> str:
    return f"{estimate['mean']:.3g} ({interval(estimate, '.3g')})" if estimate else DASH
