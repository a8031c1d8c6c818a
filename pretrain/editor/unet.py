"""Train the embedded general editor: an 8-channel UNet in the SD-1.5 block layout and, with it, its CLIP text tower.

    python -m pretrain.editor.unet --phase precise --corpus … --latents … --vae … --out …
    python -m pretrain.editor.unet --phase leaky --initial pretrain/editor/precise … --leak 0.7 --out …

Two phases. *precise*: exact targets, all weights, until the editor tells garments, colours and prints apart. *leaky*:
most targets spill past the garment, as a general editor's own training pairs do; this is the base that fine-tuning
starts from.

Legend: B batch, C channels, h w latent.
"""

import copy
import random
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from atelier.text.instructions import instruct
from pretrain.common.loop import fit, rank_and_world, read_corpus
from pretrain.common.tokenizer import build_tokenizer, text_config
from pretrain.editor.text_encoder import teach_words

WIDTH = 128  # of the text tower and of cross-attention
NOISIEST, NOISIEST_SHARE = 0.15, 0.4  # that share of the timesteps comes from the noisiest 15 %
CHANGED = 4.0  # extra weight of the latents that an edit changes: they are few, and all there is to learn
FACTORS = {"colour": 0.4, "pattern": 0.45, "both": 0.15}


class Editor(nn.Module):
    """The two parts that are trained together."""

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
    """v-prediction with a terminal signal of exactly zero, so that sampling starts where training did."""
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
    """One training batch; an instruction or a source that was dropped is empty or zero."""

    instructions: list[str]
    source: torch.Tensor  # float32 (B, C, h, w), unscaled, as it conditions
    target: torch.Tensor  # float32 (B, C, h, w), scaled
    weight: torch.Tensor  # float32 (B, 1, h, w), of each latent's error


def factor_of(pair: dict) -> str:
    """What a pair of the corpus changes: colour, pattern or both."""
    if pair["colour"] and pair["pattern"]:
        return "both"
    return "colour" if pair["colour"] else "pattern"


class Batches:
    """Draw a training batch as a function of the step alone."""

    def __init__(self, corpus: Path, latents: Path, scaling: float, leak: float, batch_size: int) -> None:
        read = read_corpus(corpus)
        self.pairs = [pair for pair in read.pairs if pair["scene"] < read.train_scenes]
        factors = np.array([factor_of(pair) for pair in self.pairs])
        self.by_factor = {name: np.flatnonzero(factors == name) for name in FACTORS}
        self.latents = np.load(latents / "latents.npy")
        self.scaling, self.leak, self.batch_size = scaling, leak, batch_size

    def draw(self, step: int) -> Batch:
        """The batch of one step, of this process's own."""
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


def save(editor: Editor, vae_folder: Path, out: Path) -> None:
    """Write the whole pipeline in diffusers' format, weights of the UNet and the text tower in bfloat16.

    The autoencoder's folder comes out byte for byte as it went in, even onto itself (`from_pretrained` would note in
    its configuration where it was read).
    """
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(vae_folder))
    vae.load_state_dict(load_file(vae_folder / SAFETENSORS_WEIGHTS_NAME))
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=vae,
        text_encoder=copy.deepcopy(editor.text).bfloat16(),
        tokenizer=editor.tokenizer,
        unet=copy.deepcopy(editor.unet).bfloat16(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(out)


@click.command()
@click.option("--phase", type=click.Choice(["precise", "leaky"]), required=True)
@click.option("--corpus", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--latents", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--initial", "start", type=click.Path(path_type=Path, exists=True), help="Saved editor to start from.")
@click.option("--steps", type=click.IntRange(min=1), required=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Of each process.")
@click.option("--lr", type=click.FloatRange(min=0, min_open=True), default=1e-3, show_default=True)
@click.option("--leak", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of leaky targets.")
def main(
    phase: str, corpus: Path, latents: Path, vae_folder: Path, out: Path, start: Path | None, steps: int,
    batch_size: int, lr: float, leak: float,
) -> None:  # fmt: skip
    """Train one phase and save the averaged editor."""
    rank, _ = rank_and_world()
    torch.manual_seed(0)
    scaling = AutoencoderKL.load_config(vae_folder)["scaling_factor"]
    batches = Batches(corpus, latents, scaling, leak, batch_size)
    tokenizer = build_tokenizer() if start is None else CLIPTokenizer.from_pretrained(start / "tokenizer")
    editor = Editor(batches.latents.shape[-1], tokenizer)
    with torch.no_grad():  # the conditioning latents come unscaled: fold their scale into the first convolution
        editor.unet.conv_in.weight[:, 4:] *= scaling
    if start is None:
        teach_words(editor.text, tokenizer)
    else:
        editor.unet.load_state_dict(UNet2DConditionModel.from_pretrained(start / "unet").state_dict())
        editor.text.load_state_dict(CLIPTextModel.from_pretrained(start / "text_encoder").state_dict())
    editor = editor.to(memory_format=torch.channels_last)
    average = copy.deepcopy(editor).eval().requires_grad_(False)
    scheduler = build_scheduler()
    many = scheduler.config.num_train_timesteps

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        batch = batches.draw(step)
        tokens = editor.tokenizer(batch.instructions, padding="max_length", truncation=True, return_tensors="pt")
        hidden = editor.text(tokens.input_ids).last_hidden_state
        noisy_first = torch.rand(batch_size) < NOISIEST_SHARE
        low = torch.where(noisy_first, int(many * (1 - NOISIEST)), 0)
        t = (low + torch.rand(batch_size) * (many - low)).long()
        noise = torch.randn_like(batch.target)
        x = torch.cat([scheduler.add_noise(batch.target, noise, t), batch.source], 1)
        v = editor.unet(x.contiguous(memory_format=torch.channels_last), t, hidden).sample
        error = (v - scheduler.get_velocity(batch.target, noise, t)).square().mean(1, keepdim=True)
        return (batch.weight * error).sum() / batch.weight.sum(), {"plain": error.mean().item()}

    text = [p for n, p in editor.named_parameters() if n.startswith("text.")]
    unet = [p for n, p in editor.named_parameters() if n.startswith("unet.")]
    groups = [{"params": unet, "lr": lr}, {"params": text, "lr": lr / 2}]
    settings = {"batch": batch_size, "lr": lr, "leak": leak, "start": start, "vocabulary": tokenizer.get_vocab()}
    with fit(f"editor-{phase}", editor, groups, loss_of, steps=steps, average=average, settings=settings):
        if not rank:
            save(average, vae_folder, out)
            click.echo(f"{phase}: {steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
