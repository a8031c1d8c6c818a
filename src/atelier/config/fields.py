"""Types of parameters: numbers with bounds that a machine can meet, and text that may be written as a number in YAML.

Sections are strict (`Section`): a number is not `true` or "3", a boolean is not "yes" or 1, and a whole number has no
decimal point (1e3 is refused). Only text takes another type: `seen: 2024` is the folder 2024, and `sweep_text: 1.2` is
a list of one.
"""

import math
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from atelier.common.errors import short_repr

LARGEST = 1e9  # of numbers without a bound of their own
LONGEST = 4000  # characters of a text

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Rate = Annotated[float, Field(gt=0, le=100)]  # a learning rate
Guidance = Annotated[float, Field(ge=0, le=1000)]
Decay = Annotated[float, Field(ge=0, lt=1)]  # of a moving average

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Rows = Annotated[int, Field(ge=1, le=10_000_000)]
Batch = Annotated[int, Field(ge=1, le=65_536)]
Rank = Annotated[int, Field(ge=1, le=4096)]
Steps = Annotated[int, Field(ge=1, le=1000)]  # of sampling: models have 1,000 timesteps
Draws = Annotated[int, Field(ge=100, le=100_000)]  # of a bootstrap
Side = Annotated[int, Field(ge=16, le=2048, multiple_of=8)]  # px
Threads = Annotated[int, Field(ge=0, le=1024)]  # 0: all cores
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """One section of a parameters file: frozen, strict, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class WrittenInt(int):
    """A whole number that remembers how a file writes it (007, 0x1F), for where it stands for a text."""

    text: str


def _whole_as_text(value: Any) -> Any:
    """Return a whole number as the text that the file has; anything else unchanged. A fraction would be reformatted."""
    if isinstance(value, int) and not isinstance(value, bool):
        return getattr(value, "text", None) or str(value)
    return value


def _number_as_text(value: Any) -> Any:
    return repr(float(value)) if isinstance(value, float) else _whole_as_text(value)


def _check_text(text: str) -> str:
    if control := next((c for c in text if unicodedata.category(c) == "Cc" or c in "\u2028\u2029"), None):
        raise ValueError(f"has the control character {control!r}; write it without")
    return text


def _check_words(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _check_name(text: str) -> str:
    if any(len(part.encode()) > 255 for part in text.split("/")):
        raise ValueError("has a part of more than 255 bytes, which no file name can have")
    return text


def _check_list(text: str) -> str:
    if not all(part.strip() for part in text.split("+")):
        raise ValueError("is not a list of names, such as to_q+to_k")
    return text


Text = Annotated[str, Field(max_length=LONGEST), BeforeValidator(_whole_as_text), AfterValidator(_check_text)]
Words = Annotated[Text, AfterValidator(_check_words)]  # not empty
Name = Annotated[Words, AfterValidator(_check_name)]  # a file, a folder, a hub name, a word
NameList = Annotated[Text, AfterValidator(_check_list)]  # a+b


def parse_scales(text: str) -> list[float]:
    """Parse "1.0+1.5" into floats; text, since neither `dvc exp diff` nor dvc.yaml templating supports lists."""
    return [float(part) for part in text.split("+")]


def scale_list(lowest: float, highest: float = 1000.0, longest: int = 32) -> Any:
    """Return the type of a text with at most `longest` distinct numbers in [lowest, highest], joined by "+"."""

    def check(text: str) -> str:
        try:
            scales = parse_scales(text)
        except ValueError:
            scales = []
        good = all(math.isfinite(scale) and lowest <= scale <= highest for scale in scales)
        if not (good and 0 < len(scales) == len(set(scales)) <= longest):
            limits = f"from {lowest:g} to {highest:g}, at most {longest}"
            raise ValueError(f"{short_repr(text)} is not a list of distinct scales {limits}, such as 1.0+1.5")
        return text

    return Annotated[
        str,
        Field(max_length=LONGEST),
        BeforeValidator(_number_as_text),
        AfterValidator(_check_text),
        AfterValidator(check),
    ]
