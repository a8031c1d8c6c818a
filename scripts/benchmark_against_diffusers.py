"""Compare a training step with that of diffusers' own example, `train_instruct_pix2pix.py`, in turn in one process.

    python scripts/benchmark_against_diffusers.py                 fetches the example at a fixed commit
    python scripts/benchmark_against_diffusers.py --example PATH  or uses a copy of it
    python scripts/benchmark_against_diffusers.py --tiny          the embedded networks, on the CPU

The example's loop over batches is taken out of its source and run as it stands, on objects made as its `main` makes
them; its file is not changed and nothing of it is kept.

The same in both: the networks and their random weights, pictures, instructions, batch size, full fine-tuning in
float32 under bfloat16 autocast, AdamW, gradient clipping, EMA, conditioning dropout, the number of steps.
Not the same, as each does it: the example encodes both pictures and the texts in every step, where atelier encoded
them once before (its seconds are in the table, and not in the rate); the example waits for the loss in every step;
its AdamW is not the fused one. Left out of both: reading and resizing pictures, checkpoints and validation.
The losses are compared in a run of their own, in which both are given the same noise, timesteps and no dropout, and
the mode of the VAE's posterior where the example draws from it.
"""

import argparse
import ast
import importlib.util
import itertools
import sys
import tempfile
import time
import types
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from measuring import Bench, Table, guarded, open_bench, start, time_steps
from torch import Tensor

from atelier.common.rng import make_generator
from atelier.models.base import encode_images
from atelier.models.diffusion import Diffusion
from atelier.models.instruct_pix2pix import Editor, encode_texts
from atelier.training.edit import methods
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.edit.task import EditTask
from atelier.training.loop import rows_of

COMMIT = "c56add8081be60b7e8794e011f1790d0e37aeced"
SOURCE = f"https://raw.githubusercontent.com/huggingface/diffusers/{COMMIT}/examples/instruct_pix2pix/train_instruct_pix2pix.py"
WORDS = ("make the shirt red", "add stripes to the dress", "a floral pattern", "turn it into denim")
ROUNDS, WARM, STEPS, COMPARED = 2, 2, 6, 8
DROPOUT = 0.05


def load_example(path: Path) -> tuple[types.ModuleType, ast.For]:
    """Import the example without running it, and find its loop over batches.

    Of the `datasets` library it uses nothing in the loop: an empty module takes its place where that is missing.
    """
    try:
        import datasets  # noqa: F401 - whether it can be imported
    except ImportError:
        sys.modules["datasets"] = types.ModuleType("datasets")
        sys.modules["datasets"].load_dataset = None
    spec = importlib.util.spec_from_file_location("train_instruct_pix2pix", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loops = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.For) and "train_dataloader" in ast.unparse(node.iter)
    ]
    if len(loops) != 1:
        sys.exit(f"{path}: expected one loop over train_dataloader, found {len(loops)}")
    return module, loops[0]


class Pictures:
    """Random pictures and instructions on the device, and what atelier makes of them once."""

    def __init__(self, bench: Bench, editor: Editor) -> None:
        count, generator = 2 * bench.batch, torch.Generator().manual_seed(1)
        self.sources, self.targets = torch.rand(2, count, 3, bench.size, bench.size, generator=generator)
        bench.synchronize()
        began = time.perf_counter()
        latents = [encode_images(editor, images) for images in (self.sources, self.targets)]
        texts = encode_texts(editor, ["", *WORDS])
        bench.synchronize()
        self.seconds = time.perf_counter() - began
        self.rows = torch.arange(count, device=bench.device) % len(WORDS) + 1
        zones = torch.zeros(count, 3, *latents[0].shape[2:], device=bench.device)
        scale = editor.scaling_factor
        self.encoded = EncodedTriplets(latents[0], latents[1] * scale, texts, self.rows, zones, scale)

    def batch(self, bench: Bench, editor: Editor, rows: Tensor) -> dict[str, Tensor]:
        """Return a step's batch as the example's data loader does, on the device."""
        given = editor.tokenizer(
            [WORDS[int(self.rows[row]) - 1] for row in rows], max_length=editor.tokenizer.model_max_length,
            padding="max_length", truncation=True, return_tensors="pt",
        )  # fmt: skip
        return {
            "original_pixel_values": (self.sources[rows] * 2 - 1).to(bench.device),
            "edited_pixel_values": (self.targets[rows] * 2 - 1).to(bench.device),
            "input_ids": given.input_ids.to(bench.device),
        }


class Example:
    """The example's state, made as its `main` makes it, and its loop."""

    def __init__(self, bench: Bench, module: types.ModuleType, loop: ast.For, editor: Editor, dropout: float) -> None:
        from accelerate.state import AcceleratorState
        from diffusers import DDPMScheduler

        AcceleratorState._reset_state(reset_partial_state=True)
        mixed = "no" if bench.tiny else "bf16"
        command = ["example", "--pretrained_model_name_or_path", "-", "--dataset_name", "-", "--use_ema", "--seed", "7"]
        command += ["--train_batch_size", str(bench.batch), "--mixed_precision", mixed, "--max_train_steps", "1000000"]
        command += ["--checkpointing_steps", "1000000", "--learning_rate", "1e-5"]
        command += ["--conditioning_dropout_prob", str(dropout)] if dropout else []
        before, sys.argv = sys.argv, command
        args = module.parse_args()
        sys.argv = before
        accelerator = module.Accelerator(mixed_precision=args.mixed_precision, cpu=bench.tiny)
        unet = editor.unet.float().requires_grad_(True)
        ema = module.EMAModel(unet.parameters(), model_cls=module.UNet2DConditionModel, model_config=unet.config)
        optimizer = torch.optim.AdamW(
            unet.parameters(), lr=args.learning_rate, betas=(args.adam_beta1, args.adam_beta2),
            weight_decay=args.adam_weight_decay, eps=args.adam_epsilon,
        )  # fmt: skip
        schedule = module.get_scheduler(
            args.lr_scheduler, optimizer=optimizer, num_warmup_steps=0, num_training_steps=1000
        )
        unet, optimizer, schedule = accelerator.prepare(unet, optimizer, schedule)
        ema.to(accelerator.device)
        unet.train()
        self._losses: list[float] = []
        self._code = compile(ast.fix_missing_locations(ast.Module([loop], [])), "train_instruct_pix2pix.py", "exec")
        self._names = vars(module) | {
            "args": args, "accelerator": accelerator, "unet": unet, "ema_unet": ema, "optimizer": optimizer,
            "lr_scheduler": schedule, "vae": editor.vae, "text_encoder": editor.text_encoder,
            "weight_dtype": editor.dtype,
            "noise_scheduler": DDPMScheduler.from_config(editor.scheduler.config),
            "generator": torch.Generator(device=bench.device).manual_seed(7), "train_loss": 0.0, "global_step": 0,
            "epoch": 0, "first_epoch": 0, "resume_step": 0, "progress_bar": self,
            "tokenize_captions": lambda texts: editor.tokenizer(
                texts, max_length=editor.tokenizer.model_max_length, padding="max_length", truncation=True,
                return_tensors="pt",
            ).input_ids,
        }  # fmt: skip

    def set_postfix(self, step_loss: float, lr: float) -> None:
        """Take the place of the progress bar: note the loss that the loop shows."""
        self._losses.append(step_loss)

    def update(self, steps: int) -> None:
        """Take the place of the progress bar."""

    def run(self, batches: list[dict[str, Tensor]], **names: Any) -> tuple[float, list[float]]:
        """Run the loop over some batches; return seconds a step, and the losses."""
        self._losses.clear()
        began = time.perf_counter()
        exec(self._code, self._names | {"train_dataloader": batches} | names)
        return (time.perf_counter() - began) / len(batches), list(self._losses)  # it has waited for the last loss


class SameDraws:
    """Stands for `torch` in the example: its draws in a step are those of atelier's step."""

    def __init__(self, task: EditTask, steps: int) -> None:
        scheduler, data = task.trainable.model.scheduler, task.data
        process = Diffusion(scheduler.alphas_cumprod, scheduler.config.prediction_type, task.settings.noisiest)
        self._noise, self._times = [], []
        for number in range(steps):
            count = len(rows_of(number, len(task), task.settings))
            generator = make_generator(task.settings.seed, "step", number)  # as `training.edit.batch.draw_batch` draws
            self._times.append(process.draw(count, generator).to(data.targets.device))
            self._noise.append(torch.randn((count, *data.targets.shape[1:]), generator=generator))

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def randn_like(self, tensor: Tensor) -> Tensor:
        return self._noise.pop(0).to(tensor)

    def randint(self, *_: Any, **__: Any) -> Tensor:
        return self._times.pop(0)


def batches_of(
    bench: Bench, pictures: Pictures, editor: Editor, task: EditTask, steps: range
) -> list[dict[str, Tensor]]:
    """Return the example's batches of the samples of atelier's steps."""
    return [pictures.batch(bench, editor, rows_of(number, len(task), task.settings)) for number in steps]


def make(bench: Bench, pictures: Pictures, editor: Editor, dropout: float, **options: Any) -> EditTask:
    """Make atelier's task with the example's settings."""
    settings = bench.settings(
        method="full", loss="plain", batch_size=bench.batch, lr=1e-5, noisiest=0.0, drop_text=dropout,
        drop_image=dropout, drop_both=dropout, ema=0.9999, **options,
    )  # fmt: skip
    return EditTask(methods.prepare(editor, settings), pictures.encoded, settings, validate=None)


def atelier(bench: Bench, dropout: float, steps: int, warm: int, **options: Any) -> tuple[dict[str, Any], list[float]]:
    """Time atelier's steps from the same start."""
    bench.free()
    editor = bench.editor(everything=True)
    pictures = Pictures(bench, editor)
    task = make(bench, pictures, editor, dropout, **options)
    _reset()
    state = start(bench, task)
    losses = time_steps(bench, task, state, warm)[1] if warm else []
    seconds, more = time_steps(bench, task, state, steps, warm)
    row = {"samples/s": bench.batch / seconds, "peak GiB": bench.peak(), "encoded once, s": pictures.seconds}
    return row, [float(loss) for loss in [*losses, *more]]


def diffusers(
    bench: Bench, module: types.ModuleType, loop: ast.For, dropout: float, steps: int, warm: int, same: bool = False
) -> tuple[dict[str, Any], list[float]]:
    """Time the example's steps; `same`: with atelier's draws."""
    bench.free()
    editor = bench.editor(everything=True)
    pictures = Pictures(bench, editor)
    task = make(bench, pictures, editor, dropout)
    names = {"torch": SameDraws(task, warm + steps)} if same else {}
    example = Example(bench, module, loop, editor, dropout)
    losses = example.run(batches_of(bench, pictures, editor, task, range(warm)), **names)[1] if warm else []
    bench.synchronize()
    seconds, more = example.run(batches_of(bench, pictures, editor, task, range(warm, warm + steps)), **names)
    return {"samples/s": bench.batch / seconds, "peak GiB": bench.peak(), "encoded once, s": None}, losses + more


def _reset() -> None:
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


def compare_losses(bench: Bench, module: types.ModuleType, loop: ast.For) -> None:
    """Write the losses of both, step by step, with the same draws."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    count, sample = 3 if bench.tiny else COMPARED, DiagonalGaussianDistribution.sample
    DiagonalGaussianDistribution.sample = lambda posterior, generator=None: posterior.mode()
    try:
        theirs = diffusers(bench, module, loop, 0.0, count, 0, same=True)[1]
    finally:
        DiagonalGaussianDistribution.sample = sample
    ours = atelier(bench, 0.0, count, 0)[1]
    table = Table(bench, "losses", "Losses of the same steps")
    for number, (one, other) in enumerate(zip(theirs, ours, strict=True), start=1):
        table.add(**{"step": number, "diffusers": one, "atelier": other, "difference": abs(one - other) / one})


@contextmanager
def found(path: Path | None) -> Iterator[Path]:
    """Give the example's path; fetch it into a temporary folder if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "train_instruct_pix2pix.py"
            with urllib.request.urlopen(SOURCE, timeout=60) as answer:
                path.write_bytes(answer.read())
        yield path


def compare(bench: Bench, example: Path, options: bool) -> None:
    """Time both in turn, then compare their losses."""
    module, loop = load_example(example)
    table = Table(bench, "against_diffusers", "Full fine-tuning, in turn")
    steps, warm = (2, 1) if bench.tiny else (STEPS, WARM)
    runs = {
        "diffusers": lambda: diffusers(bench, module, loop, DROPOUT, steps, warm)[0],
        "atelier": lambda: atelier(bench, DROPOUT, steps, warm)[0],
    }
    chosen = {"atelier, compiled": {"compile": True}} if options else {}
    compiled = {
        name: lambda more=more: atelier(bench, DROPOUT, steps, warm, **more)[0] for name, more in chosen.items()
    }
    for number, (name, run) in itertools.product(range(1 if bench.tiny else ROUNDS), runs.items()):
        if not bench.late():
            table.add(**{"round": number + 1, "code": name, "batch": bench.batch, **_full(guarded(run))})
    if not bench.late():
        print("losses:", guarded(lambda: compare_losses(bench, module, loop) or {})["note"] or "written")
    for name, run in compiled.items():
        if not bench.late():
            table.add(**{"round": 1, "code": name, "batch": bench.batch, **_full(guarded(run))})


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=Path, help="A copy of the example.")
    parser.add_argument("--options", action="store_true", help="Also with compiled blocks.")
    given, bench = open_bench(parser)
    with found(given.example) as example:
        compare(bench, example, given.options)


def _full(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row.get(key) for key in ("samples/s", "peak GiB", "encoded once, s", "note")}


if __name__ == "__main__":
    main()
