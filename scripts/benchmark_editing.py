"""Compare editing with diffusers' own pipeline: the same networks, DDIM, steps and guidance, in turn in one process.

    python scripts/benchmark_editing.py          full size, random weights, on a GPU
    python scripts/benchmark_editing.py --tiny   the embedded editor, on the CPU

One picture with one instruction, and one picture with eight, each from noise of its own. Both take three guidance
branches in one batch; the pictures of both are compared where they start from the same noise. atelier encodes the one
picture once, the pipeline as often as there are instructions.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from measuring import Bench, Table, guarded, median, open_bench
from torch import Tensor

from atelier.models.instruct_pix2pix import Editor
from atelier.sampling.edit import draw_noise, edit

WORDS = ("make it red", "add stripes", "a floral pattern", "turn it into denim", "make it blue", "add dots")
ROUNDS, TEXT, IMAGE = 4, 7.5, 1.5


def make_pipeline(editor: Editor) -> Any:
    """Return diffusers' pipeline of the editor's own networks."""
    from diffusers import StableDiffusionInstructPix2PixPipeline

    networks = {name: getattr(editor, name) for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
    checker = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = StableDiffusionInstructPix2PixPipeline(**networks, **checker, image_encoder=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def seconds(bench: Bench, action: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Time one call."""
    bench.synchronize()
    began = time.perf_counter()
    result = action()
    bench.synchronize()
    return time.perf_counter() - began, result


def compare(bench: Bench, editor: Editor, count: int, steps: int) -> dict[str, Any]:
    """Edit one picture by `count` instructions, both in turn."""
    pipeline, words = make_pipeline(editor), [WORDS[n % len(WORDS)] for n in range(count)]
    picture = torch.rand(1, 3, bench.size, bench.size, generator=torch.Generator().manual_seed(0))
    each, seeds = picture.expand(count, -1, -1, -1).to(bench.device, editor.dtype), list(range(count))
    cells = bench.size // editor.latent_stride
    noise = draw_noise(seeds, (editor.vae.config.latent_channels, cells, cells)).to(bench.device, editor.dtype)

    def theirs() -> Tensor:
        return pipeline(
            prompt=words, image=each, num_inference_steps=steps,
            guidance_scale=TEXT, image_guidance_scale=IMAGE, latents=noise, output_type="pt",
        ).images  # fmt: skip

    def ours() -> Tensor:
        return edit(editor, picture, words, seeds, steps=steps, guidance_text=TEXT, guidance_image=IMAGE)

    found: dict[str, list[float]] = {"theirs": [], "ours": []}
    for number in range(2 if bench.tiny else ROUNDS + 1):
        took, one = seconds(bench, theirs)
        mine, other = seconds(bench, ours)
        if number:  # the first round warms up
            found["theirs"].append(took)
            found["ours"].append(mine)
    return {
        "diffusers, s": median(found["theirs"]), "atelier, s": median(found["ours"]),
        "ratio": median([a / b for a, b in zip(found["theirs"], found["ours"], strict=True)]),
        "largest difference": float((one.float().cpu() - other.float().cpu()).abs().max()),
    }  # fmt: skip


def main() -> None:
    """Compare at one and at eight instructions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given, bench = open_bench(parser)
    steps = 2 if given.tiny else 20
    table = Table(bench, "editing", f"Editing one picture, {steps} steps of DDIM, guidance {TEXT} and {IMAGE}")
    editor = bench.editor(everything=True)
    for count in (1, 8):
        if not bench.late():
            found = guarded(lambda count=count: compare(bench, editor, count, steps))
            keys = ("diffusers, s", "atelier, s", "ratio", "largest difference", "note")
            table.add(**{"instructions": count, **{key: found.get(key) for key in keys}})


if __name__ == "__main__":
    main()
