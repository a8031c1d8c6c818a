"""The GPU memory that training needs, calculated without weights and without a GPU: the table of `atelier memory`.

Networks are built of torch's fake tensors, which have shape, type and device but no values. The UNet runs forward on
them under the rules of CUDA's autocast, as in training, and the tensors that autograd saves for backward are added up.
Not counted: kernels' workspaces, CUDA's own context, and the encoded triplets (0.2 MB each at 512 px). All passes
without gradients are in `passes`.

Not torch's `MemTracker`: it needs a backward pass, which torch refuses on fake CUDA tensors where there is no GPU.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Module
from torch.overrides import TorchFunctionMode
from tqdm import tqdm

from atelier.config import Train
from atelier.models.base import with_tensors
from atelier.models.instruct_pix2pix import Editor
from atelier.models.meta import Layout
from atelier.training.edit import methods

GIB = 2**30
_METHODS = ("selective", "full", "lora")
_SMALLEST_8BIT = 4096  # bitsandbytes keeps the moments of smaller tensors in float32
_BLOCK_8BIT = 256  # numbers that share a scale in bitsandbytes
_META = torch.device("meta")
DEVICE = torch.device("cuda")  # of fake tensors: no GPU is needed


@dataclass(frozen=True)
class Footprint:
    """Bytes on the device of one process."""

    networks: int  # UNet, VAE, text encoder and scoring CLIP, frozen
    trained: int  # the trained tensors, float32
    ema: int
    gradients: int
    adamw: int  # moments, float32
    adamw8bit: int  # or in 8 bits
    activations: int  # kept by forward for backward; with checkpointing also the largest part computed again at a time

    def total(self, optimizer: str) -> int:
        """Return the sum; an upper bound, as gradients can take the place of activations during backward."""
        kept = self.networks + self.trained + self.ema + self.gradients + self.activations
        return kept + (self.adamw8bit if optimizer == "adamw8bit" else self.adamw)


def table(layout: Layout, settings: Train, size: int, samples: int, dtype: torch.dtype) -> str:
    """Return GiB by kind, a line per method with and without gradient checkpointing.

    Args:
        settings: block set, rank and targets are taken from it.
        size: side of the images, px.
        samples: in a process's micro-batch: batch_size / (accumulate × processes).
        dtype: of the frozen weights.
    """
    kinds = ("networks", "trained", "ema", "gradients", "adamw", "adamw8bit", "activations")
    lines = ["".join([f"{'GiB':<26}", *(f"{name:>13}" for name in (*kinds, "total", "with 8-bit"))])]
    options = [(method, flag) for method in _METHODS for flag in (False, True)]
    for method, flag in tqdm(options, desc="memory", unit="forward", disable=None, leave=False):
        chosen = settings.model_copy(update={"method": method, "gradient_checkpointing": flag})
        found = estimate(layout, chosen, size, samples, dtype)
        values = [getattr(found, kind) for kind in kinds] + [found.total("adamw"), found.total("adamw8bit")]
        label = f"{method}{', checkpointing' if flag else ''}"
        lines.append("".join([f"{label:<26}", *(f"{value / GIB:>13.2f}" for value in values)]))
    return "\n".join(lines)


def estimate(layout: Layout, settings: Train, size: int, samples: int, dtype: torch.dtype) -> Footprint:
    """Calculate what training with `settings` needs; arguments as for `table`.

    Raises:
        UserError: the block set or an adapter's target is not in this UNet.
    """
    base = empty(layout.unet, dtype)
    networks = size_of(base) + sum(size_of(empty(build, dtype)) for build in layout.others)
    networks += size_of(empty(layout.clip, torch.float32))
    chosen = methods.prepare(Editor(base, None, None, None, None, dtype, _META), settings)
    own = dict(chosen.model.unet.named_parameters())
    trained = {name: own[name].float() for name in chosen.names}
    unet = with_tensors(chosen.model, trained).unet
    side = size // layout.stride
    kinds = {name: (tensor.shape, tensor.dtype) for name, tensor in unet.state_dict().items()}
    with FakeTensorMode():
        values = {name: torch.empty(shape, dtype=kind, device=DEVICE) for name, (shape, kind) in kinds.items()}
        unet.load_state_dict(values, assign=True)
        for name, tensor in unet.named_parameters():
            tensor.requires_grad_(name in trained)
        inputs = (
            torch.empty(samples, unet.config.in_channels, side, side, device=DEVICE),
            torch.empty(samples, dtype=torch.int64, device=DEVICE),
            torch.empty(samples, layout.tokens, unet.config.cross_attention_dim, device=DEVICE),
        )
        kept, again = count_activations(unet, inputs, dtype, settings.gradient_checkpointing)
    numbers = [tensor.numel() for tensor in trained.values()]
    state = 4 * sum(numbers)
    return Footprint(networks, state, state, state, 2 * state, sum(map(_moments_8bit, numbers)), kept + again)


def count_activations(
    unet: Module, inputs: tuple[Tensor, ...], dtype: torch.dtype, checkpointing: bool
) -> tuple[int, int]:
    """Return the bytes saved for the UNet's backward pass, without parameters, and those recomputed at a time.

    The second is 0 without checkpointing. With it only a block's inputs are saved, and its activations are recomputed
    in the backward pass: the largest block counts, or autocast's copies of all trained weights at the end of forward.

    Args:
        unet: its trained parameters require gradients; checkpointing is enabled if asked for.
        inputs: noisy latents beside the source's (B, 2 C, h, w), timesteps (B,), texts (B, T, C).
        dtype: of autocast; float32 disables it.
    """
    saved = _Saved(unet)
    again = 0

    def run_checkpointed(block: Module, *arguments: Any) -> Any:
        nonlocal again
        for argument in arguments:
            if isinstance(argument, Tensor):
                saved.keep(argument)
        inside = _Saved(unet, saved)
        with inside.watch():
            result = block(*arguments)
        again = max(again, inside.bytes)
        return result

    if checkpointing:
        unet.enable_gradient_checkpointing(run_checkpointed)
    with _FlashAttention(), with_autocast(inputs[0].device.type, dtype), saved.watch():
        unet(*inputs, return_dict=False)
    casts = [p.numel() * dtype.itemsize for p in unet.parameters() if p.requires_grad and p.dtype != dtype]
    return saved.bytes, max(again, sum(casts)) if checkpointing else 0


def empty(build: Callable[[], Module], dtype: torch.dtype) -> Module:
    """Build a frozen network with shapes and no values."""
    with _META:
        network = build()
    network = network.float() if dtype == torch.float32 else network.bfloat16()
    return network.requires_grad_(False).eval()


def size_of(network: Module) -> int:
    return sum(parameter.numel() * parameter.itemsize for parameter in network.parameters())


def _moments_8bit(numbers: int) -> int:
    """Return the bytes of two moments: one byte a number and a float32 scale a block, or float32 for small tensors."""
    if numbers < _SMALLEST_8BIT:
        return 2 * 4 * numbers
    return 2 * (numbers + 4 * math.ceil(numbers / _BLOCK_8BIT))


@contextmanager
def with_autocast(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Apply the rules of autocast: `torch.autocast` refuses CUDA where there is none."""
    before = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    torch.set_autocast_enabled(device, dtype != torch.float32)
    torch.set_autocast_dtype(device, dtype if dtype != torch.float32 else before[1])
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        torch.set_autocast_enabled(device, before[0])
        torch.set_autocast_dtype(device, before[1])


class _Saved:
    """Storages that autograd saves for backward, each once, except a module's parameters and those of another set."""

    def __init__(self, module: Module, other: "_Saved | None" = None) -> None:
        self._left_out = {parameter.untyped_storage()._cdata for parameter in module.parameters()}
        self._left_out |= set() if other is None else set(other._found)
        self._found: dict[int, torch.UntypedStorage] = {}  # referenced, so that no address is reused

    @property
    def bytes(self) -> int:
        return sum(storage.nbytes() for storage in self._found.values())

    def keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._left_out:
            self._found[storage._cdata] = storage
        return tensor

    def watch(self) -> Any:
        return torch.autograd.graph.saved_tensors_hooks(self.keep, lambda tensor: tensor)


def take_attention(args: tuple, kwargs: dict | None) -> tuple[Tensor, ...]:
    """Return query, key and value of an attention's arguments, cast as autocast does."""
    given = args[:3] or tuple(kwargs[name] for name in ("query", "key", "value"))
    device = given[0].device.type
    if torch.is_autocast_enabled(device):
        given = tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in given)
    return given


class _FlashKeeps(torch.autograd.Function):
    """Attention as fused kernels save it: backward needs the inputs, the output and a number per row."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        result = torch.empty_like(query)
        row = query.new_empty(query.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, result, row)
        return result


class _FlashAttention(TorchFunctionMode):
    """Replace scaled dot-product attention: torch asks the device which kernel to use, and there is none."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is torch.nn.functional.scaled_dot_product_attention:
            return _FlashKeeps.apply(*take_attention(args, kwargs))
        return function(*args, **(kwargs or {}))
