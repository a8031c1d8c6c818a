"""A fine-tuned editor's folder: the tensors that training changed, and the facts of their training beside them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.common.tensor_files import read_tensors
from atelier.models.check import check_tensors, read_object

TRAINED_TENSORS = "trained.safetensors"  # the tensors that training changed, float32
TRAINED_FACTS = "finetuned.json"  # beside them: the base they belong to, size, method, counts, the best epoch


class _Facts(BaseModel):
    """What is read of finetuned.json; keys that other commands write or read may stand beside these."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    base: str = Field(min_length=1, max_length=1000)
    method: Literal["selective", "lora", "full"] | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")  # of the tensors' file; older folders have none
    base_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")  # of the base: see `digest`
    size: int | None = Field(None, ge=8, le=8192)  # side of the images that it was fine-tuned on, px


class _LoraFacts(_Facts):
    lora_rank: int = Field(ge=1, le=65_536)
    lora_alpha: float = Field(gt=0)
    lora_targets: str = Field(min_length=1, max_length=10_000)


def read_facts(folder: Path) -> dict[str, Any]:
    """Read and check a fine-tuned editor's facts.

    Raises:
        UserError: the file is missing or damaged, or a key is missing or of another type.
    """
    path = Path(folder) / TRAINED_FACTS
    facts = read_object(path)
    try:
        (_LoraFacts if facts.get("method") == "lora" else _Facts).model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        key, given = ".".join(map(str, first["loc"])), str(first["input"])[:60]
        told = "is missing" if first["type"] == "missing" else f"is {given!r}: {first['msg']}"
        raise UserError(f"{path}: {key} {told}; expected what training wrote") from None
    return facts


def read_trained(folder: Path, facts: dict[str, Any]) -> dict[str, Tensor]:
    """Read a fine-tuned editor's tensors, by name.

    Raises:
        UserError: the file is missing or damaged, or not the one that training wrote.
    """
    path = Path(folder) / TRAINED_TENSORS
    check_tensors(path)
    if facts.get("sha256") and digest(path) != facts["sha256"]:
        raise UserError(f"{path}: not the file that training wrote: its SHA-256 differs from {TRAINED_FACTS}'s")
    return read_tensors(path)
