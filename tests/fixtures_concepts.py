"""Tiny random text-to-image models, and rows and settings to teach them a concept."""

from pathlib import Path

import numpy as np
import pytest
import torch

from atelier.checkpoints import CheckpointStore
from atelier.concepts import Concept, ConceptRow, ConceptTask, encode_rows, open_pipeline, prepare
from atelier.concepts.task import keep_last
from atelier.processes import ALONE
from atelier.seeds import dice
from atelier.training import rows_of, train

SIDE = 32
PROMPTS = ("make the shirt red", "a yellow dress instead", "turn the skirt green")
NO_T5 = {"text_encoder_3": None, "tokenizer_3": None}  # what diffusers wants to be told
SAMPLING = {"steps": 3, "guidance": 4.0}


def make_concept(**changes) -> Concept:
    """Settings for tests, with changes."""
    return Concept(**{"method": "dreambooth", "lr": 1e-2, "epochs": 2, "batch_size": 2, "seed": 7} | changes)


INVERSION = {"method": "textual_inversion", "placeholder": "<logo>", "initialiser": "shirt", "vectors": 2, "lr": 0.5}
ADAPTERS = {"method": "lora", "lora_rank": 3, "lora_alpha": 6.0, "text_lr": 2e-2}


def make_rows(count: int = 5, **changes) -> list[ConceptRow]:
    """Random pictures; every prompt holds the placeholder."""
    dice = np.random.default_rng(3)
    pictures = [dice.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(count)]
    return [ConceptRow(pixels, f"{PROMPTS[n % 3]} <logo>", **changes) for n, pixels in enumerate(pictures)]


def make_task(model, rows=None, judge=keep_last, **changes) -> ConceptTask:
    """A task on `rows`, by default five random pictures."""
    settings = make_concept(**changes)
    return ConceptTask(prepare(model, settings), encode_rows(model, rows or make_rows()), settings, judge)


def learn(task: ConceptTask, folder: Path):
    """Train to the end; the model it made."""
    *_, finished = train(task, CheckpointStore(folder))
    return task.with_tensors(finished.tensors)


def draw_all(task, step: int = 0):
    """A step's samples in one part."""
    rows = rows_of(step, len(task), task.settings)
    (part,) = task.draw(rows, dice(task.settings.seed, "step", step), ALONE.shares(len(rows), 1))
    return rows, part


def build_sd(editor_folder: Path):
    """A `StableDiffusionPipeline` around the tiny editor's VAE and text encoder, with a UNet of four channels."""
    from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline, StableDiffusionPipeline

    given = StableDiffusionInstructPix2PixPipeline.from_pretrained(editor_folder, safety_checker=None)
    parts = {name: part for name, part in given.components.items() if name != "image_encoder"}
    parts["unet"] = type(given.unet).from_config({**given.unet.config, "in_channels": 4})
    parts["scheduler"] = DDIMScheduler.from_config(given.scheduler.config, steps_offset=1)
    parts["tokenizer"].model_max_length = 16
    return StableDiffusionPipeline(**parts, requires_safety_checker=False)


def build_sd3(editor_folder: Path, t5: bool = False):
    """A `StableDiffusion3Pipeline`, with the tiny editor's tokenizer for every text encoder."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
    from diffusers import StableDiffusion3Pipeline as Pipeline
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer, T5Config, T5EncoderModel

    tokenizer = CLIPTokenizer.from_pretrained(editor_folder / "tokenizer")
    tokenizer.model_max_length = 16
    config = CLIPTextConfig.from_pretrained(editor_folder / "text_encoder")
    transformer = SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=16, out_channels=16, num_layers=2, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=40, caption_projection_dim=16, pooled_projection_dim=32,
        pos_embed_max_size=8,
    )  # fmt: skip
    vae = AutoencoderKL.from_config({
        **AutoencoderKL.load_config(editor_folder, subfolder="vae"), "latent_channels": 16, "shift_factor": 0.1,
        "use_quant_conv": False, "use_post_quant_conv": False,
    })  # fmt: skip
    words = T5Config(vocab_size=len(tokenizer), d_model=40, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    return Pipeline(
        transformer, FlowMatchEulerDiscreteScheduler(shift=3.0), vae, CLIPTextModelWithProjection(config), tokenizer,
        CLIPTextModelWithProjection(config), tokenizer, T5EncoderModel(words) if t5 else None,
        tokenizer if t5 else None,
    )  # fmt: skip


@pytest.fixture(scope="session")
def sd_folder(tiny_editor_folder, tmp_path_factory) -> Path:
    """A diffusers folder of a random `StableDiffusionPipeline` for 32-px pictures."""
    folder = tmp_path_factory.mktemp("sd")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        build_sd(tiny_editor_folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sd3_folder(tiny_editor_folder, tmp_path_factory) -> Path:
    """A diffusers folder of a random `StableDiffusion3Pipeline` for 32-px pictures, without T5."""
    folder = tmp_path_factory.mktemp("sd3")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        build_sd3(tiny_editor_folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sd(sd_folder):
    """The model in `sd_folder`."""
    from diffusers import StableDiffusionPipeline

    return open_pipeline(StableDiffusionPipeline.from_pretrained(sd_folder, safety_checker=None), device="cpu")


@pytest.fixture(scope="module")
def sd3(sd3_folder):
    """The model in `sd3_folder`."""
    from diffusers import StableDiffusion3Pipeline

    return open_pipeline(StableDiffusion3Pipeline.from_pretrained(sd3_folder, **NO_T5), device="cpu", t5_tokens=8)
