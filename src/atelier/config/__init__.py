"""Parameters: params.yaml as frozen, strict models, one per section; unknown keys are errors.

Public: `Evaluate`, `Generate`, `KeepMode`, `LoopSettings`, `Mask`, `Models`, `Pair`, `PairPrompt`, `Params`, `Prepare`,
`Section`, `Train`, `check_section`, `fields`, `parse_yaml`, `presets`, `read_params`, `read_sections`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer, model_validator

from atelier.config.fields import (
    Batch,
    Count,
    Decay,
    Draws,
    Guidance,
    Name,
    NameList,
    NonNegative,
    Positive,
    Rank,
    Rate,
    Rows,
    Section,
    Seed,
    Share,
    Side,
    Steps,
    Text,
    Threads,
    Words,
    parse_scales,
    scale_list,
)  # fmt: skip
from atelier.config.read import check_section, parse_yaml, read_sections

__all__ = ["LoopSettings", "Params", "Section", "Train", "check_section", "parse_yaml", "read_params", "read_sections"]

Schema = Literal[
    "deepfashion", "deepfashion2", "fashionpedia", "fashionpedia_json", "folder", "before_after", "triplets"
]
Scales = scale_list(0)
KeepMode = Literal["none", "consistent", "latent", "composite"]  # sampling.keep


class Models(Section):
    editor: Name
    clip: Name
    lpips: Name
    segmenter: Name
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Threads
    deterministic: bool = False


class Prepare(Section):
    size: Side
    fit: Literal["letterbox", "crop"]
    seen: Name
    seen_schema: Schema
    seen_rows: Rows
    unseen: Name
    unseen_schema: Schema
    unseen_rows: Rows
    columns: Text
    only_clothes: bool = False
    find_masks: bool
    max_refused: Share
    seed: Seed


class PairPrompt(Section):
    """An entry of `pair.prompts`: an instruction, and what cannot be read from it ("": it is read)."""

    text: Words
    garment: Text = ""  # a garment's name; `none`: the instruction changes the whole picture
    colour: Text = ""
    pattern: Text = ""
    source: Text = ""  # the phrase of the source's caption that `target` replaces
    target: Text = ""  # the phrase that the target's caption has instead of `source`, or in addition

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping) else {"text": value}

    @model_serializer
    def _write_text(self) -> str | dict[str, str]:
        values = {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name)}
        return values if len(values) > 1 else self.text


class Pair(Section):
    triplets: Count
    aligned: Share
    given: Share
    recoloured: Share = 0.0
    probes: Annotated[int, Field(ge=1, le=100_000)]
    prompts: Annotated[list[PairPrompt], Field(min_length=1, max_length=100)]
    test_triplets: Annotated[int, Field(ge=0, le=100_000)]
    near_duplicate: Annotated[int, Field(ge=0, le=32)]
    seed: Seed

    @model_validator(mode="after")
    def _consistent(self) -> "Pair":
        if self.aligned + self.given + self.recoloured > 1:
            raise ValueError("aligned + given + recoloured exceeds 1")
        return self


class Mask(Section):
    box_scale: Annotated[float, Field(ge=1, le=10)]
    min_area: Share


class LoopSettings(Section):
    """What every training sets: the optimizer, and how long and in which batches it runs."""

    lr: Rate
    optimizer: Literal["adamw", "adamw8bit"]
    weight_decay: NonNegative
    epochs: Count
    patience: Count
    batch_size: Batch
    accumulate: Batch
    gradient_checkpointing: bool
    compile: bool = False
    warmup: Share
    clip_norm: Positive
    ema: Decay
    ema_warmup: bool
    checkpoint_steps: Count
    seed: Seed


class Train(LoopSettings):
    launcher: Words
    method: Literal["selective", "full", "lora"]
    unfreeze: Literal["attn", "attn+mid", "attn+mid+up", "attn+mid+res", "all"]  # training.edit.block_sets
    lora_rank: Rank
    lora_alpha: Positive
    lora_targets: NameList
    loss: Literal["plain", "preserve", "trimap", "prior"]
    lambda_preserve: NonNegative
    lambda_ctx: NonNegative
    lambda_bg: NonNegative
    lambda_prior: NonNegative = 1.0
    drop_text: Share
    drop_image: Share
    drop_both: Share
    noisiest: Share
    validation: Count
    validation_steps: Steps
    guidance_text: Guidance
    guidance_image: Guidance

    @model_validator(mode="after")
    def _consistent(self) -> "Train":
        if self.drop_text + self.drop_image + self.drop_both > 1:
            raise ValueError("drop_text + drop_image + drop_both exceeds 1")
        return self


class Generate(Section):
    steps: Steps
    guidance_text: Guidance
    guidance_image: Guidance
    sweep_probes: Annotated[int, Field(ge=0, le=100_000)]
    sweep_text: Scales
    sweep_image: Scales
    batch_size: Batch
    seed: Seed
    keep: KeepMode = "none"
    keep_threshold: NonNegative = 0.3
    keep_blur: Annotated[float, Field(ge=0, le=64)] = 0.0
    keep_dilate: Annotated[int, Field(ge=0, le=64)] = 0

    @property
    def swept_text(self) -> list[float]:
        """Values of s_T in the guidance sweep."""
        return parse_scales(self.sweep_text)

    @property
    def swept_image(self) -> list[float]:
        """Values of s_I in the guidance sweep."""
        return parse_scales(self.sweep_image)


class Evaluate(Section):
    batch_size: Batch
    draws: Draws
    seed: Seed
    sheet_rows: Annotated[int, Field(ge=1, le=100)]
    references: Annotated[int, Field(ge=0, le=100_000)] = 100_000


class Params(Section):
    models: Models
    prepare: Prepare
    pair: Pair
    mask: Mask
    train: Train
    generate: Generate
    evaluate: Evaluate


def read_params(path: Path, changes: Mapping[str, str] | None = None) -> Params:
    """Read and check the parameters of the root pipeline; see `read_sections`."""
    return read_sections(path, Params, changes)
