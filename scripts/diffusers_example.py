"""diffusers' own example, `train_instruct_pix2pix.py`: fetched, imported, and its loop over batches run as it stands.

The loop is taken out of the source and run on objects made as the example's `main` makes them; its file is not changed
and nothing of it is kept.
"""

import ast
import importlib.util
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
from measuring import Bench
from torch import Tensor

from atelier.models.instruct_pix2pix import Editor

COMMIT = "c56add8081be60b7e8794e011f1790d0e37aeced"
SOURCE = f"https://raw.githubusercontent.com/huggingface/diffusers/{COMMIT}/examples/instruct_pix2pix/train_instruct_pix2pix.py"


@contextmanager
def found(path: Path | None) -> Iterator[Path]:
    """Give the example's path; fetch it into a temporary folder if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "train_instruct_pix2pix.py"
            with urllib.request.urlopen(SOURCE, timeout=60) as answer:
                path.write_bytes(answer.read())
        yield path


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
