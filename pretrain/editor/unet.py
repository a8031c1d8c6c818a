"""Train the embedded InstructPix2Pix editor: an 8-channel UNet in the SD-1.5 layout, and its CLIP text encoder.

    python -m pretrain.editor.unet --phase precise --corpus … --latents … --vae … --out …
    python -m pretrain.editor.unet --phase leaky --initial pretrain/editor/precise … --leak 0.7 --out …

Two phases. *precise*: exact targets, until the editor distinguishes garments, colours and prints. *leaky*: most targets
spill past the garment, as the training pairs of a general editor do; fine-tuning starts from this model.

Legend: B batch, C channels, h w latent.
"""

import copy
import random
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from atelier.common import command
from atelier.common.options import Number
from atelier.models.diffusion import NOISY_SHARE
from atelier.text.instructions import instruct
from pretrain.common.autoencoder import open_vae
from pretrain.common.corpus import read_corpus
from pretrain.common.loop import fit, rank_and_world
from pretrain.common.options import input_option, training_options
from pretrain.common.tokenizer import build_tokenizer, text_config
from pretrain.editor import text_encoder

WIDTH = 128  # of the text encoder and of cross-attention
NOISIEST = 0.4  # share of the timesteps that is drawn from the noisy end alone
CHANGED = 4.0  # extra weight of the latents that an edit changes: they are few
FACTORS = {"colour": 0.4, "pattern": 0.45, "both": 0.15}


class Editor(nn.Module):
    """UNet and text encoder, which are trained together."""

    def __init__(self, latent_side: int, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.unet = UNet2DConditionModel(
            sample_size=latent_side,
            in_channels=8,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            block_out_channels=(32, 64, 128, 128),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=2,  # in this layout: the number of heads
            norm_num_groups=8,
        )
        self.tokenizer = tokenizer
        self.text = CLIPTextModel(text_config(tokenizer, width=WIDTH, layers=2, projection=WIDTH))


def build_scheduler() -> DDIMScheduler:
    """Build a v-prediction scheduler with zero terminal SNR, so that sampling starts from pure noise as in training."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


@dataclass(frozen=True)
class Batch:
    """One training batch; a dropped instruction is empty, a dropped source is zero."""

    instructions: list[str]
    source: torch.Tensor  # float32 (B, C, h, w), unscaled, as the UNet takes it
    target: torch.Tensor  # float32 (B, C, h, w), scaled
    weight: torch.Tensor  # float32 (B, 1, h, w), of each latent's error


def factor_of(pair: dict) -> str:
    """Return what a pair of the corpus changes: colour, pattern or both."""
    if pair["colour"] and pair["pattern"]:
        return "both"
    return "colour" if pair["colour"] else "pattern"


class Batches:
    """Training batches as a function of step and rank."""

    def __init__(self, corpus: Path, latents: Path, scaling: float, leak: float, batch_size: int) -> None:
        read = read_corpus(corpus)
        self.pairs = [pair for pair in read.pairs if pair["scene"] < read.train_scenes]
        factors = np.array([factor_of(pair) for pair in self.pairs])
        self.by_factor = {name: np.flatnonzero(factors == name) for name in FACTORS}
        self.latents = np.load(latents / "latents.npy")
        self.scaling, self.leak, self.batch_size = scaling, leak, batch_size

    def draw(self, step: int) -> Batch:
        """Draw this process's batch of one step."""
        rank, world = rank_and_world()
        rng, wording = np.random.default_rng([2, step, rank]), random.Random(step * world + rank)
        names = rng.choice(list(FACTORS), self.batch_size, p=list(FACTORS.values()))
        pairs = [self.pairs[int(rng.choice(self.by_factor[name]))] for name in names]
        leaky = rng.random(self.batch_size) < self.leak
        targets = [p["leaky"] if spilled else p["target"] for p, spilled in zip(pairs, leaky, strict=True)]
        texts = [instruct(wording, p["garment"], colour=p["colour"], pattern=p["pattern"]) for p in pairs]
        source, target = (
            torch.from_numpy(self.latents[i].astype(np.float32)) for i in ([p["source"] for p in pairs], targets)
        )
        drop = rng.random(self.batch_size)
        texts = ["" if d < 0.05 or 0.10 <= d < 0.15 else text for d, text in zip(drop, texts, strict=True)]
        keep_image = torch.from_numpy(~((drop >= 0.05) & (drop < 0.15))).float()[:, None, None, None]
        changed = ((source - target).abs() * self.scaling).amax(1, keepdim=True) > 0.15
        return Batch(texts, source * keep_image, target * self.scaling, 1 + CHANGED * changed.float())


def draw_timesteps(count: int, total: int) -> torch.Tensor:
    """Draw int64 timesteps (count,) in [0, total), a share NOISIEST of them from the noisy end."""
    low = torch.where(torch.rand(count) < NOISIEST, int(total * (1 - NOISY_SHARE)), 0)
    return (low + torch.rand(count) * (total - low)).long()


def groups_of(unet: nn.Module, text: nn.Module, lr: float) -> list[dict]:
    """Group the parameters for AdamW: the text encoder has half the UNet's learning rate."""
    return [{"params": list(unet.parameters()), "lr": lr}, {"params": list(text.parameters()), "lr": lr / 2}]


def save(
    model: nn.Module,
    vae_folder: Path,
    out: Path,
    kind: type[DiffusionPipeline] = StableDiffusionInstructPix2PixPipeline,
) -> None:
    """Write the pipeline in diffusers' format, the weights of `model.unet` and `model.text` in bfloat16.

    The autoencoder's folder is written byte for byte as it was read, even onto itself.
    """
    unet = copy.deepcopy(model.unet).bfloat16()
    unet.register_to_config(_name_or_path="")  # else the folder that it was loaded from, on this machine
    pipeline = kind(
        vae=open_vae(vae_folder),
        text_encoder=copy.deepcopy(model.text).bfloat16(),
        tokenizer=model.tokenizer,
        unet=unet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(out)


@command.stage
@click.option("--phase", type=click.Choice(["precise", "leaky"]), required=True, help="Name of the phase.")
@input_option("corpus", "Folder of the editor's corpus.")
@input_option("latents", "Folder of its latents.")
@input_option("vae", "Folder of the autoencoder.")
@input_option("initial", "Saved editor to start from.", required=False)
@training_options(steps=None, batch_size=32, lr=1e-3)
@click.option("--leak", type=Number(0, 1), default=0.0, help="Share of leaky targets.")
def main(
    phase: str, corpus: Path, latents: Path, vae: Path, initial: Path | None, out: Path, steps: int, batch_size: int,
    lr: float, leak: float,
) -> None:  # fmt: skip
    """Train one phase and save the editor's moving average."""
    rank, _ = rank_and_world()
    torch.manual_seed(0)
    scaling = AutoencoderKL.load_config(vae)["scaling_factor"]
    batches = Batches(corpus, latents, scaling, leak, batch_size)
    tokenizer = build_tokenizer() if initial is None else CLIPTokenizer.from_pretrained(initial / "tokenizer")
    editor = Editor(batches.latents.shape[-1], tokenizer)
    with torch.no_grad():  # the conditioning latents are unscaled: put their scale into the first convolution
        editor.unet.conv_in.weight[:, 4:] *= scaling
    if initial is None:
        text_encoder.pretrain(editor.text, tokenizer)
    else:
        editor.unet.load_state_dict(UNet2DConditionModel.from_pretrained(initial / "unet").state_dict())
        editor.text.load_state_dict(CLIPTextModel.from_pretrained(initial / "text_encoder").state_dict())
    editor = editor.to(memory_format=torch.channels_last)
    average = copy.deepcopy(editor).eval().requires_grad_(False)
    scheduler = build_scheduler()

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        batch = batches.draw(step)
        tokens = editor.tokenizer(batch.instructions, padding="max_length", truncation=True, return_tensors="pt")
        hidden = editor.text(tokens.input_ids).last_hidden_state
        t = draw_timesteps(batch_size, scheduler.config.num_train_timesteps)
        noise = torch.randn_like(batch.target)
        x = torch.cat([scheduler.add_noise(batch.target, noise, t), batch.source], 1)
        v = editor.unet(x.contiguous(memory_format=torch.channels_last), t, hidden).sample
        error = (v - scheduler.get_velocity(batch.target, noise, t)).square().mean(1, keepdim=True)
        return (batch.weight * error).sum() / batch.weight.sum(), {"plain": error.mean().item()}

    settings = {"batch": batch_size, "lr": lr, "leak": leak, "initial": initial, "vocabulary": tokenizer.get_vocab()}
    groups = groups_of(editor.unet, editor.text, lr)
    with fit(f"editor-{phase}", editor, groups, loss_of, steps=steps, average=average, settings=settings):
        if rank == 0:
            save(average, vae, out)
            click.echo(f"{phase}: {steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
