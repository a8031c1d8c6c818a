"""Run the six stages at full size with random weights and few rows: seconds and peak memory of each.

    python scripts/benchmark_stages.py          on a GPU, 512 px
    python scripts/benchmark_stages.py --tiny   narrow networks of the same layouts, 64 px, on the CPU

The networks (editor, CLIP ViT-L/14, SegFormer-B2) are written to a temporary folder, 6 GB, and loaded from it as a
hub's would be; tokenizers are the embedded ones, LPIPS is the embedded network, the pictures are rendered. The first
row is the writing of the networks. Nothing is logged to MLflow.
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import GIB, Bench, Table, guarded, open_bench
from transformers import CLIPTokenizer

from atelier.common.records import Edit, Probe, TestProbe, read_rows, write_rows
from atelier.config import Params, read_params
from atelier.data.prepare import open_shards, prepare_items
from atelier.evaluation.evaluate import Inputs, evaluate, load_scorers
from atelier.masks.make import mask_all
from atelier.models import meta
from atelier.models.instruct_pix2pix import open_weights
from atelier.models.loading import NO_CHECKER
from atelier.pairs import Outputs, load_limits, pair_items
from atelier.sampling import edit
from atelier.sampling.plan import plan_edits, plan_tests
from atelier.tracking import NullLogger
from atelier.training.edit import run

BASE = Path("models/base")
LABELS = ("background", "hat", "hair", "sunglasses", "upper-clothes", "skirt", "pants", "dress")
_NARROW = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}


def networks(bench: Bench) -> dict[str, torch.nn.Module]:
    """Build editor, CLIP and SegFormer with random weights, on the device."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import (
        CLIPConfig,
        CLIPModel,
        CLIPTextConfig,
        CLIPTextModel,
        SegformerConfig,
        SegformerForSemanticSegmentation,
    )

    torch.manual_seed(0)
    with bench.device:
        if not bench.tiny:
            layout = meta.full_size()
            vae, text = (build() for build in layout.others)
            unet, clip, segmenter = UNet2DConditionModel(**meta.UNET), layout.clip(), layout.segmenter.build()
        else:
            narrow = {"block_out_channels": (64, 64, 64, 64), "cross_attention_dim": 64, "sample_size": 8}
            unet = UNet2DConditionModel(**meta.UNET | narrow)
            blocks = {
                f"{way}_block_types": (f"{kind}Block2D",) * 4
                for way, kind in (("down", "DownEncoder"), ("up", "UpDecoder"))
            }
            vae = AutoencoderKL(**blocks, block_out_channels=(64, 64, 64, 64), latent_channels=4)
            text = CLIPTextModel(CLIPTextConfig(**_NARROW))
            vision = _NARROW | {"patch_size": 32}
            clip = CLIPModel(CLIPConfig(text_config=_NARROW, vision_config=vision, projection_dim=32))
            segmenter = SegformerForSemanticSegmentation(SegformerConfig(num_labels=18))
    _find_garments(segmenter, bench.size)
    return {"unet": unet, "vae": vae, "text_encoder": text, "clip": clip, "segmenter": segmenter}


@torch.no_grad()
def _find_garments(segmenter: torch.nn.Module, side: int) -> None:
    """Change random weights in place so that every picture has some of each garment, as masks need.

    The last features get unit variance over smooth noise, and the labels that are no garment a bias against them.
    """
    head = segmenter.decode_head
    head.batch_norm.momentum = 1.0  # the running statistics become those of the next pass
    noise = torch.rand(4, 3, 16, 16, device=head.classifier.weight.device)
    segmenter.train()(pixel_values=4 * torch.nn.functional.interpolate(noise, (side, side), mode="bilinear") - 2)
    segmenter.eval()
    head.classifier.weight.normal_()
    head.classifier.bias.fill_(-1e3)
    head.classifier.bias[[LABELS.index(name) for name in ("background", "upper-clothes", "pants", "dress")]] = 0.0


def write_networks(bench: Bench, folder: Path) -> None:
    """Write the networks as diffusers and transformers lay them out."""
    from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline
    from transformers import CLIPImageProcessor, SegformerImageProcessor

    made = networks(bench)
    tokenizer = CLIPTokenizer.from_pretrained(BASE / "editor/tokenizer")
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    scorer = CLIPTokenizer.from_pretrained(BASE / "clip")
    made["text_encoder"].config.update(_ends(tokenizer))
    made["clip"].config.text_config.update(_ends(scorer))
    parts = {name: made[name] for name in ("unet", "vae", "text_encoder")}
    pipeline = StableDiffusionInstructPix2PixPipeline(
        **parts, tokenizer=tokenizer, scheduler=scheduler, image_encoder=None, **NO_CHECKER
    )
    pipeline.save_pretrained(folder / "editor")
    made["clip"].save_pretrained(folder / "clip")
    for path in (BASE / "clip").glob("*token*"):
        shutil.copy(path, folder / "clip")
    CLIPImageProcessor().save_pretrained(folder / "clip")
    made["segmenter"].config.id2label = {n: LABELS[n] if n < len(LABELS) else f"other {n}" for n in range(18)}
    made["segmenter"].save_pretrained(folder / "segmenter")
    side = 64 if bench.tiny else 512
    SegformerImageProcessor(size={"height": side, "width": side}).save_pretrained(folder / "segmenter")


def _ends(tokenizer: CLIPTokenizer) -> dict[str, int]:
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}


def parameters(bench: Bench, folder: Path) -> Params:
    """Return the full-size preset's kind of parameters, with few rows and few steps."""
    found = read_params(Path("params.yaml"))
    where = {name: str(folder / name) for name in ("editor", "clip", "segmenter")}
    device = {"dtype": bench.dtype, "device": bench.device.type}
    train = {"epochs": 1, "batch_size": 4, "validation": 2, "validation_steps": 2, "lr": 1e-5, "noisiest": 0.0}
    changes = {
        "models": where | device,
        "prepare": {"size": bench.size, "seen_rows": 160, "unseen_rows": 24},
        "pair": {"triplets": 40 if not bench.tiny else 20, "probes": 2},
        "mask": {"min_area": 0.0},  # what random weights find may be small
        "train": train,
        "generate": {"steps": 2 if bench.tiny else 20, "batch_size": 8, "sweep_probes": 0},
        "evaluate": {"batch_size": 16, "draws": 100},
    }
    sections = {name: getattr(found, name).model_copy(update=change) for name, change in changes.items()}
    return found.model_copy(update=sections)


def stages(bench: Bench, params: Params, work: Path) -> dict[str, Callable[[], object]]:
    """Return what each stage does, by its name, from files to files in `work`."""
    names = ("items", "triplets", "probes", "tests", "zones", "probe_zones")
    files = {name: work / f"{name}.parquet" for name in names}
    models = ("baseline", "finetuned")

    def pair() -> None:
        out = Outputs(files["triplets"], files["probes"], files["tests"])
        pair_items(files["items"], out, params.pair, load_limits(params.models))

    def prepare() -> None:
        store = open_shards(params.prepare, params.models)
        with store.owned():
            prepare_items(params.prepare, params.models, files["items"], work / "sheets", store)

    def train() -> None:
        job = run.open_job(params.models, params.train, files["triplets"], files["zones"])
        with job.owned():
            run.finetune(job, NullLogger(), out=work / "finetuned", report=work / "t.json", curves=work / "curves")

    def generate(weights: str | Path, model: str) -> None:
        editor = open_weights(weights, params.models.dtype, params.models.device)
        planned = {
            f"{model}.parquet": plan_edits(read_rows(files["probes"], Probe), params.generate),
            f"{model}_tests.parquet": plan_tests(read_rows(files["tests"], TestProbe), params.generate),
        }
        for name, jobs in planned.items():
            write_rows(work / name, Edit, edit.edit_probes(editor, jobs, model, params.generate))

    def score() -> None:
        inputs = Inputs(
            probes=files["probes"], zones=files["probe_zones"], tests=files["tests"], triplet_zones=files["zones"],
            edits={model: work / f"{model}.parquet" for model in models},
            test_edits={model: work / f"{model}_tests.parquet" for model in models},
        )  # fmt: skip
        evaluate(inputs, load_scorers(params.models), params.evaluate, params.models.editor)

    return {
        "write the networks": lambda: write_networks(bench, work),
        "prepare": prepare,
        "pair": pair,
        "mask": lambda: mask_all(
            files["triplets"], files["probes"], files["zones"], files["probe_zones"], params.mask, params.models
        ),
        "train": train,
        "generate, baseline": lambda: generate(params.models.editor, "baseline"),
        "generate, fine-tuned": lambda: generate(work / "finetuned", "finetuned"),
        "evaluate": score,
    }


def main() -> None:
    """Run the stages in order; one that fails is noted, and those that need its files fail after it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, bench = open_bench(parser)
    table = Table(bench, "stages", "Six stages, random weights")
    with tempfile.TemporaryDirectory() as work:
        for name, action in stages(bench, parameters(bench, Path(work)), Path(work)).items():
            if bench.late():
                break
            bench.free()
            began = time.perf_counter()
            found = guarded(lambda action=action: {"done": action()})
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
            table.add(**{
                "stage": name, "seconds": time.perf_counter() - began, "peak GiB on the device": bench.peak(),
                "largest resident GiB so far": resident, "note": found["note"],
            })  # fmt: skip


if __name__ == "__main__":
    main()
