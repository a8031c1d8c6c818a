"""Read params.yaml into frozen pydantic models, one per section; unknown keys are errors.

This is the only module that reads a parameters file. It uses YAML 1.2 (ruamel), because DVC writes `5e-05`, which a
YAML 1.1 reader returns as a string.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

from atelier.common.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Threads = Annotated[int, Field(ge=0)]  # 0: all cores
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Schema = Literal["deepfashion", "deepfashion2", "fashionpedia", "fashionpedia_json", "folder", "triplets"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Sections = TypeVar("Sections", bound=Section)


class Models(Section):
    editor: str
    clip: str
    lpips: str
    segmenter: str
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Threads


class Prepare(Section):
    size: Annotated[int, Field(ge=16, le=2048, multiple_of=8)]
    fit: Literal["letterbox", "crop"]
    seen: str
    seen_schema: Schema
    seen_rows: Count
    unseen: str
    unseen_schema: Schema
    unseen_rows: Count
    columns: str
    max_refused: Share
    seed: Seed


class Pair(Section):
    triplets: Count
    aligned: Share
    given: Share
    probes: Count
    near_duplicate: Annotated[int, Field(ge=0, le=32)]
    seed: Seed

    @model_validator(mode="after")
    def _consistent(self) -> "Pair":
        if self.aligned + self.given > 1:
            raise ValueError("aligned + given exceeds 1")
        return self


class Mask(Section):
    box_scale: Annotated[float, Field(ge=1, le=10)]
    min_area: Share


class LoopSettings(Section):
    """What every training sets: the optimizer, and how long and in which batches it runs."""

    lr: Positive
    optimizer: Literal["adamw", "adamw8bit"]
    weight_decay: NonNegative
    epochs: Count
    patience: Count
    batch_size: Count
    accumulate: Count
    gradient_checkpointing: bool
    warmup: Share
    clip_norm: Positive
    ema: Annotated[float, Field(ge=0, lt=1)]
    checkpoint_steps: Count
    seed: Seed


class Train(LoopSettings):
    launcher: Annotated[str, Field(min_length=1)]
    method: Literal["selective", "full", "lora"]
    unfreeze: Literal["attn", "attn+mid", "attn+mid+up", "attn+mid+res", "all"]  # training.edit.block_sets
    lora_rank: Count
    lora_alpha: Positive
    lora_targets: Annotated[str, Field(min_length=1)]
    loss: Literal["plain", "preserve", "trimap"]
    lambda_preserve: NonNegative
    lambda_ctx: NonNegative
    lambda_bg: NonNegative
    drop_text: Share
    drop_image: Share
    drop_both: Share
    noisiest: Share
    validation: Count
    validation_steps: Annotated[int, Field(ge=1, le=1000)]
    guidance_text: NonNegative
    guidance_image: NonNegative

    @model_validator(mode="after")
    def _consistent(self) -> "Train":
        if self.drop_text + self.drop_image + self.drop_both > 1:
            raise ValueError("drop_text + drop_image + drop_both exceeds 1")
        return self


class Generate(Section):
    steps: Annotated[int, Field(ge=1, le=1000)]
    guidance_text: NonNegative
    guidance_image: NonNegative
    sweep_probes: Annotated[int, Field(ge=0)]
    sweep_text: str
    sweep_image: str
    batch_size: Count
    seed: Seed

    @model_validator(mode="after")
    def _consistent(self) -> "Generate":
        for name in ("sweep_text", "sweep_image"):
            try:
                scales = _scales(getattr(self, name))
            except ValueError:
                scales = []
            if not scales or min(scales) < 0 or len(set(scales)) < len(scales):
                raise ValueError(
                    f"{name}: {getattr(self, name)!r} is not a list of distinct scales from 0 on, such as 1.0+1.5"
                )
        return self

    @property
    def swept_text(self) -> list[float]:
        """Values of s_T in the guidance sweep."""
        return _scales(self.sweep_text)

    @property
    def swept_image(self) -> list[float]:
        """Values of s_I in the guidance sweep."""
        return _scales(self.sweep_image)


def _scales(text: str) -> list[float]:
    """Parse "1.0+1.5" into floats; a string, since neither `dvc exp diff` nor dvc.yaml templating supports lists."""
    return [float(part) for part in text.split("+")]


class Evaluate(Section):
    batch_size: Count
    draws: Annotated[int, Field(ge=100)]
    seed: Seed
    sheet_rows: Count


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


def read_sections(path: Path, model: type[Sections], changes: Mapping[str, str] | None = None) -> Sections:
    """Read and check a parameters file whose sections are the fields of `model`.

    Args:
        changes: overrides, `section.key` → YAML text, as in `dvc exp run -S`.

    Raises:
        UserError: the file is missing or not YAML, or a key is unknown, missing, of the wrong type or out of range.
    """
    try:
        raw = YAML(typ="safe").load(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: no sections; expected {', '.join(model.model_fields)}")
    for key, text in (changes or {}).items():
        section, _, name = key.partition(".")
        if not isinstance(raw.get(section), dict) or name not in raw[section]:
            raise UserError(f"{path}: {key}: no such parameter")
        raw[section][name] = YAML(typ="safe").load(text)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        given = "" if isinstance(problem["input"], dict) else f" (it is {problem['input']!r})"
        raise UserError(f"{path}: {where}: {problem['msg']}{given}") from None
