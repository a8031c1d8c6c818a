"""Measure the training step at full size on a GPU, with random weights: speed by option, and peak memory.

    python scripts/benchmark_full_size.py options     samples/s by method and speed option, in turn, medians
    python scripts/benchmark_full_size.py memory      peak memory by method, size, batch and checkpointing, beside
                                                      what `atelier memory` calculates

No hub and no data are needed: the UNet has the public editor's layout (859,532,484 parameters) and the latents are
noise, so nothing here says anything about the quality of edits. VAE, text encoder and CLIP are not loaded: the
calculated totals are without them. `--tiny` tries both parts with the embedded networks on the CPU.
"""

import argparse
import itertools
from typing import Any

import torch
from measuring import GIB, Bench, Table, guarded, make_task, median, open_bench, start, time_steps

from atelier.models import meta
from atelier.training.memory import estimate

METHODS = ("selective", "full", "lora")
EAGER = {  # name → parameters of `train`; the first is the baseline
    "as it is": {},
    "cuDNN chooses by trial": {"_benchmark": True},
}
COMPILED = {"compile": {"compile": True}}
ROUNDS, WARM, STEPS = 2, 2, 5
KINDS = ("samples/s", "peak GiB", "first steps, s", "note")


def measure(bench: Bench, method: str, options: dict[str, Any], brief: bool = False, **more: Any) -> dict[str, Any]:
    """Build a fresh editor and state, warm up, and time some steps."""
    changes = {key: value for key, value in options.items() if not key.startswith("_")}
    size, dtype = more.pop("size", bench.size), more.pop("dtype", None)
    settings = bench.settings(**{"method": method, "batch_size": bench.batch} | changes | more)
    bench.free()
    trials = {"enabled": True, "allow_tf32": torch.backends.cudnn.allow_tf32}  # else switched off by `flags`
    with torch.backends.cudnn.flags(benchmark=options.get("_benchmark", False), **trials):
        task = make_task(bench, settings, dtype, size)
        state = start(bench, task)
        warm, steps = (1, 1) if bench.tiny else (1, 2) if brief else (WARM, STEPS)
        first, _ = time_steps(bench, task, state, warm)
        seconds, _ = time_steps(bench, task, state, steps, warm)
    return {"samples/s": settings.batch_size / seconds, "peak GiB": bench.peak(), "first steps, s": first * warm}


def by_options(bench: Bench, given: argparse.Namespace) -> None:
    """Each method with each option, the options in turn and each as often; then compiled, the slowest to start."""
    single = Table(bench, "options_each", "Training step by option, every run")
    table = Table(bench, "options", "Training step by option, medians")
    rounds = 1 if bench.tiny else ROUNDS
    groups = [("selective", EAGER, rounds), ("full", EAGER, rounds), ("selective", COMPILED, 1), ("full", COMPILED, 1)]
    groups += [("lora", EAGER, rounds), ("lora", COMPILED, 1)]
    base: dict[str, float] = {}
    for method, options, rounds in groups:
        if method not in given.methods or (given.compiled and options is EAGER):
            continue
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in options}
        for number, name in itertools.product(range(rounds), options):
            if bench.late():
                break
            one = guarded(lambda name=name, method=method, options=options: measure(bench, method, options[name]))
            single.add(
                **{"method": method, "round": number + 1, "option": name, **{key: one.get(key) for key in KINDS}}
            )
            found[name].append(one)
        for name, results in found.items():
            rates = [one["samples/s"] for one in results if "samples/s" in one]
            if rates:
                rate = median(rates)
                base.setdefault(method, rate)
                table.add(**{
                    "method": method, "batch": bench.batch, "option": name, "samples/s": rate,
                    "ratio": rate / base[method], "peak GiB": results[-1]["peak GiB"],
                    "first steps, s": results[0].get("first steps, s"),
                })  # fmt: skip


def by_memory(bench: Bench, given: argparse.Namespace) -> None:
    """Peak memory and speed of one run each; then what is calculated, without the networks that are not loaded."""
    single = Table(bench, "memory_each", "Measured peak memory of the training step")
    cases = [
        {"method": method, "size": size, "batch_size": batch, "gradient_checkpointing": flag, "dtype": bench.dtype}
        for size in given.sizes or ((64,) if bench.tiny else (512, 768)) for flag in (False, True)
        for batch in ((2,) if bench.tiny else (8, 32, 1)) for method in given.methods
    ]  # fmt: skip
    if given.sizes:
        cases.sort(key=lambda case: case["batch_size"])  # the cheapest first
    elif not bench.tiny:
        float32 = cases[0] | {"dtype": "float32"}
        cases[9:9] = [float32, float32 | {"tf32": True}, cases[1] | {"batch_size": 1, "optimizer": "adamw8bit"}]
    found = []
    for case in cases:
        if bench.late():
            break
        torch.set_float32_matmul_precision("high" if case.get("tf32") else "highest")
        more = {key: value for key, value in case.items() if key not in ("method", "tf32")}
        one = guarded(lambda case=case, more=more: measure(bench, case["method"], {}, brief=True, **more))
        found.append((case, one))
        single.add(**case | {"tf32": case.get("tf32", False)} | {key: one.get(key) for key in KINDS})
    table = Table(bench, "memory", "Peak memory of the training step, measured and calculated")
    for case, one in found:
        table.add(**{
            "method": case["method"], "px": case["size"], "batch": case["batch_size"],
            "checkpointing": "yes" if case["gradient_checkpointing"] else "no",
            "frozen weights": case["dtype"] + (", TF32" if case.get("tf32") else ""),
            "optimizer": case.get("optimizer", "adamw"), "peak GiB": one.get("peak GiB"),
            "calculated GiB": None if bench.tiny or bench.late() else calculated(bench, case),
            "samples/s": one.get("samples/s"),
            "note": one["note"],
        })  # fmt: skip


def calculated(bench: Bench, case: dict[str, Any]) -> float:
    """Return the GiB that `atelier memory` calculates for a case, with the UNet as the only network."""
    chosen = {key: value for key, value in case.items() if key not in ("size", "dtype", "tf32")}
    settings, kind, layout = bench.settings(**chosen), getattr(torch, case["dtype"]), meta.full_size()
    step = estimate(layout, settings, case["size"], case["batch_size"], kind)
    unet = sum(one.numel() * kind.itemsize for one in layout.unet().parameters())
    return (step.total(settings.optimizer) - step.networks + unet) / GIB


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["options", "memory"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="Only these methods.")
    parser.add_argument("--compiled", action="store_true", help="Options: only the compiled ones.")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="PX", help="Memory: only pictures of these sizes.")
    given, bench = open_bench(parser)
    {"options": by_options, "memory": by_memory}[given.part](bench, given)


if __name__ == "__main__":
    main()
