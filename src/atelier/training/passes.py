"""The memory of every pass besides the training step: the second table of `atelier memory`.

Calculated as `memory` does, from fake tensors: the largest sum of live tensors during one forward pass without
gradients, at the batch sizes that the stages use. Not counted: kernels' workspaces, CUDA's own context, and LPIPS
(AlexNet, at most 0.1 GiB).
"""

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Module
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from atelier.config import Params
from atelier.masks.segformer import batch_of
from atelier.metrics.clip import BATCH as CLIP_BATCH
from atelier.models.base import pass_size
from atelier.models.meta import Layout
from atelier.training.edit.dataset import BATCH
from atelier.training.memory import DEVICE, GIB, Footprint, empty, size_of, take_attention, with_autocast

_FUSED_WIDTH = 256  # the widest attention head that has a fused kernel; wider ones store the scores


@dataclass(frozen=True)
class Pass:
    """One forward pass without gradients."""

    stage: str
    what: str
    held: int  # bytes on the device before it: networks, and in training the trained tensors' state
    peak: int  # bytes that it takes on top

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.held + self.peak


def table(layout: Layout, params: Params, size: int, samples: int, dtype: torch.dtype, step: Footprint) -> str:
    """Return a line of GiB per pass, and the largest of each stage.

    Args:
        params: batch sizes are taken from it.
        size: side of the images, px.
        samples: in a process's micro-batch; validation edits as many at a time.
        dtype: of the frozen weights.
        step: of the training step with `params.train`.
    """
    found = list(passes(layout, params, size, samples, dtype, step))
    lines = [f"{'GiB, other passes':<52}{'held':>9}{'on top':>9}{'total':>9}"]
    for one in found:
        values = "".join(f"{value / GIB:>9.2f}" for value in (one.held, one.peak, one.total))
        lines.append(f"{one.stage + ': ' + one.what:<52}{values}")
    largest: dict[str, tuple[int, str]] = {"train": (step.total(params.train.optimizer), "the step")}
    for one in found:
        largest[one.stage] = max(largest.get(one.stage, (0, "")), (one.total, one.what))
    peaks = (f"{stage} {total / GIB:.2f} ({what})" for stage, (total, what) in largest.items())
    return "\n".join([*lines, f"largest of each stage: {', '.join(peaks)}"])


def passes(
    layout: Layout, params: Params, size: int, samples: int, dtype: torch.dtype, step: Footprint
) -> Iterator[Pass]:
    """Calculate each pass; arguments as for `table`."""
    vae, text = (Network(build, dtype) for build in layout.others)
    unet, clip = Network(layout.unet, dtype), Network(layout.clip, torch.float32)
    given = _Inputs(size, layout.stride, layout.tokens, dtype)
    editor, most = unet.bytes + vae.bytes + text.bytes, pass_size(size, size)
    state = step.trained + step.ema + (step.adamw8bit if params.train.optimizer == "adamw8bit" else step.adamw)
    if layout.segmenter is not None:
        segmenter, edge = Network(layout.segmenter.build, torch.float32), layout.segmenter.side
        count = batch_of(edge, edge)
        what = f"segmenter, {count} pictures of {edge} px"
        yield Pass("mask", what, segmenter.bytes, segmenter.peak(given.pictures(count, edge)))
    count = min(most, 2 * BATCH)
    yield Pass("train", f"encode {count} pictures", editor, vae.peak(given.encode(count)))
    yield Pass("train", f"encode {BATCH} instructions", editor, text.peak(given.read(BATCH)))
    for stage, edits, held, prefix in (
        ("train", min(samples, params.train.validation), editor + clip.bytes + state, "validation: "),
        ("generate", params.generate.batch_size, editor, ""),
    ):
        run = given.predict(3 * edits, mixed=stage == "train")
        yield Pass(stage, f"{prefix}predict {edits} edits in 3 branches", held, unet.peak(run))
        count = min(most, edits)
        yield Pass(stage, f"{prefix}decode {count} pictures", held, vae.peak(given.decode(count)))
    held, count = editor + clip.bytes, min(most, params.evaluate.batch_size)
    yield Pass("evaluate", f"encode {count} pictures", held, vae.peak(given.encode(count)))
    yield Pass("evaluate", f"decode {count} pictures", held, vae.peak(given.decode(count)))
    count, edge = min(CLIP_BATCH, params.evaluate.batch_size), clip.config.vision_config.image_size
    yield Pass("evaluate", f"CLIP, {count} pictures of {edge} px", held, clip.peak(given.look(count, edge)))


Run = Callable[[Module], Any]


@dataclass(frozen=True)
class _Inputs:
    """Calls of the networks, on fake tensors of the study's sizes."""

    size: int  # px
    stride: int  # px along a latent cell
    tokens: int
    dtype: torch.dtype

    def pictures(self, count: int, side: int) -> Run:
        return lambda module: module(pixel_values=torch.empty(count, 3, side, side, device=DEVICE))

    def look(self, count: int, side: int) -> Run:
        return lambda module: module.get_image_features(pixel_values=torch.empty(count, 3, side, side, device=DEVICE))

    def encode(self, count: int) -> Run:
        shape = count, 3, self.size, self.size
        return lambda module: module.encode(torch.empty(shape, dtype=self.dtype, device=DEVICE))

    def decode(self, count: int) -> Run:
        side = self.size // self.stride
        return lambda module: module.decode(
            torch.empty(count, module.config.latent_channels, side, side, dtype=self.dtype, device=DEVICE)
        )

    def read(self, count: int) -> Run:
        return lambda module: module(torch.zeros(count, self.tokens, dtype=torch.int64, device=DEVICE))

    def predict(self, count: int, mixed: bool) -> Run:
        side = self.size // self.stride

        def run(module: Module) -> None:
            kind = {"dtype": self.dtype, "device": DEVICE}
            latents = torch.empty(count, module.config.in_channels, side, side, **kind)
            texts = torch.empty(count, self.tokens, module.config.cross_attention_dim, **kind)
            with with_autocast(DEVICE.type, self.dtype if mixed else torch.float32):  # as `instruct_pix2pix.predict`
                module(latents, torch.empty(count, dtype=torch.int64, device=DEVICE), texts)

        return run


class Network:
    """A network of fake tensors on a fake GPU."""

    def __init__(self, build: Callable[[], Module], dtype: torch.dtype) -> None:
        self._module = empty(build, dtype)
        self.bytes, self.config = size_of(self._module), self._module.config

    def peak(self, run: Callable[[Module], Any]) -> int:
        """Return the most bytes that `run` holds at one time, without the network's own tensors."""
        module = self._module
        kinds = {name: (tensor.shape, tensor.dtype) for name, tensor in module.named_parameters()}
        kinds |= {name: (tensor.shape, tensor.dtype) for name, tensor in module.named_buffers()}
        with FakeTensorMode():
            for name, (shape, kind) in kinds.items():
                owner, _, leaf = name.rpartition(".")
                part, value = module.get_submodule(owner), torch.empty(shape, dtype=kind, device=DEVICE)
                if leaf in part._parameters:
                    part._parameters[leaf] = torch.nn.Parameter(value, requires_grad=False)
                else:
                    part._buffers[leaf] = value
            live = Live()
            with torch.no_grad(), _Attention(), live:
                run(module)
        return live.peak


class Live(TorchDispatchMode):
    """Adds up the storages that operations make, each from its making to its release; `peak` is the largest sum."""

    def __init__(self) -> None:
        super().__init__()
        self._live: dict[int, int] = {}
        self._now = self.peak = 0

    def __torch_dispatch__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = {id(one.untyped_storage()) for one in _tensors((args, kwargs))}
        result = function(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            key = storage._cdata
            if id(storage) not in given and key not in self._live:
                self._live[key] = storage.nbytes()
                self._now += storage.nbytes()
                weakref.finalize(storage, self._release, key)
        self.peak = max(self.peak, self._now)
        return result

    def _release(self, key: int) -> None:
        self._now -= self._live.pop(key, 0)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(tree) if isinstance(leaf, Tensor)]


class _Attention(TorchFunctionMode):
    """Attention as kernels compute it: fused where the head is narrow enough, else with its scores."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is torch.nn.functional.scaled_dot_product_attention:
            query, key, value = take_attention(args, kwargs)
            if query.shape[-1] <= _FUSED_WIDTH:
                return torch.empty_like(query)
            return torch.softmax(query @ key.transpose(-1, -2), -1) @ value
        return function(*args, **(kwargs or {}))
