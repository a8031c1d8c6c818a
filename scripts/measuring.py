"""What the benchmarks share: random networks and triplets at full or embedded size, timed steps, tables that grow."""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.config import Train, read_params
from atelier.models import meta
from atelier.models.instruct_pix2pix import Editor, load_editor
from atelier.models.loading import DTYPES, freeze
from atelier.training.distributed import make_accelerator, micro_batches
from atelier.training.edit import methods
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.edit.task import EditTask
from atelier.training.loop import rows_of
from atelier.training.state import TrainState

GIB = 2**30


@dataclass(frozen=True)
class Bench:
    """Where and at what size is measured."""

    tiny: bool  # the embedded networks at 64 px, on the CPU, to try a script without a GPU
    out: Path
    deadline: float  # of time.monotonic(); nothing is begun after it
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", torch.device("cpu" if self.tiny else "cuda"))

    @property
    def size(self) -> int:
        """Side of the pictures, px."""
        return 64 if self.tiny else 512

    @property
    def batch(self) -> int:
        """Samples in a step."""
        return 2 if self.tiny else 32

    @property
    def dtype(self) -> str:
        """Of the frozen weights."""
        return "float32" if self.tiny else "bfloat16"

    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def settings(self, **changes: Any) -> Train:
        """Return params.yaml's `train` with changes."""
        return read_params(Path("params.yaml")).train.model_copy(update=changes)

    def editor(self, dtype: str | None = None, everything: bool = False) -> Editor:
        """Build the full-size editor with random weights; tokenizer and noise schedule are the embedded one's.

        Args:
            everything: VAE and text encoder too, else the embedded ones.
        """
        dtype = dtype or self.dtype
        base = load_editor("models/base/editor", dtype, self.device.type)
        if self.tiny:
            return base
        layout, torch_dtype = meta.full_size(), DTYPES[dtype]
        torch.manual_seed(0)
        with self.device:
            unet = _real(meta.UNET)
            others = [build() for build in layout.others] if everything else []
        for part in (unet, *others):
            freeze(part, torch_dtype, self.device)
        if everything:
            vae, text = others
            return replace(base, unet=unet, vae=vae, text_encoder=text)
        return replace(base, unet=unet)

    def synchronize(self) -> None:
        """Wait for the GPU, if there is one."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def peak(self) -> float | None:
        """Return the most GiB that torch has allocated since `free`."""
        return torch.cuda.max_memory_allocated() / GIB if self.device.type == "cuda" else None

    def free(self) -> None:
        """Release what is not used any more, compiled code too, and start counting peak memory anew."""
        torch._dynamo.reset()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def _real(config: Mapping[str, Any]) -> torch.nn.Module:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**config)


def open_bench(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Bench]:
    """Parse the command line with the options that every benchmark has."""
    parser.add_argument("--tiny", action="store_true", help="Embedded networks on the CPU: tries the script.")
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="Folder for JSON lines and tables.")
    parser.add_argument("--seconds", type=float, default=600, help="Nothing is begun after so many seconds.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.tiny and not torch.cuda.is_available():
        parser.error("there is no CUDA device; --tiny tries the script on the CPU")
    return given, Bench(given.tiny, given.out, time.monotonic() + given.seconds)


class Table:
    """Rows that are printed and written as soon as they are known: NAME.jsonl, and NAME.md as a Markdown table."""

    def __init__(self, bench: Bench, name: str, title: str) -> None:
        self._folder, self._name, self._rows = bench.out, name, []
        where = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
        self._title = f"{title} ({where}, torch {torch.__version__}, {bench.size} px)"
        (self._folder / f"{name}.jsonl").unlink(missing_ok=True)

    def add(self, **row: Any) -> None:
        """Add a row; all rows have the same keys."""
        self._rows.append(row)
        line = json.dumps({"table": self._name} | row)
        print(line, flush=True)
        with (self._folder / f"{self._name}.jsonl").open("a") as stream:
            stream.write(line + "\n")
        head = list(self._rows[0])
        lines = [f"{self._title}\n", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines += [f"| {' | '.join(_cell(row.get(key)) for key in head)} |" for row in self._rows]
        (self._folder / f"{self._name}.md").write_text("\n".join(lines) + "\n")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
    return "" if value is None else str(value)


def random_triplets(bench: Bench, count: int, size: int | None = None, width: int = 768) -> EncodedTriplets:
    """Draw `count` encoded triplets of noise, for pictures of `size` px."""
    cells = (size or bench.size) // (4 if bench.tiny else 8)
    generator = torch.Generator(bench.device).manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, device=bench.device, generator=generator)

    latents = count, 4, cells, cells
    rows = torch.randint(1, 5, (count,), device=bench.device, generator=generator)
    texts = draw(5, 77, width)
    return EncodedTriplets(draw(*latents), draw(*latents), texts, rows, draw(count, 3, cells, cells).softmax(1), 0.18)


def make_task(bench: Bench, settings: Train, dtype: str | None = None, size: int | None = None) -> EditTask:
    """Make a task of a fresh random editor and random triplets, four batches of them."""
    editor = bench.editor(dtype)
    data = random_triplets(bench, 4 * settings.batch_size, size, editor.unet.config.cross_attention_dim)
    return EditTask(methods.prepare(editor, settings), data, settings, validate=None)


def start(bench: Bench, task: EditTask) -> TrainState:
    """Return the state before the first step."""
    return TrainState(task, make_accelerator(bench.device.type))


def time_steps(
    bench: Bench, task: EditTask, state: TrainState, steps: int, first: int = 0
) -> tuple[float, list[Tensor]]:
    """Take some steps as the training loop does, without waiting between them; return seconds a step, and losses."""
    settings, losses = task.settings, []
    bench.synchronize()
    began = time.perf_counter()
    for number in range(first, first + steps):
        rows = rows_of(number, len(task), settings)
        batch = task.draw(rows, make_generator(settings.seed, "step", number))
        losses.append(state.step(batch, micro_batches(len(rows), settings.accumulate), settings.lr, number))
    bench.synchronize()
    return (time.perf_counter() - began) / steps, losses


def guarded(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a measurement; a lack of memory is a result, and another failure of torch or of the setting is one too."""
    try:
        return action() | {"note": ""}
    except torch.OutOfMemoryError:
        return {"note": "out of memory"}
    except (RuntimeError, ValueError, TypeError, AttributeError, ImportError, UserError) as error:
        return {"note": f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"}


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)
