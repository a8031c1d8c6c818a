"""Train the CLIP that scores images: plain contrast on captioned pictures (Radford et al. 2021); it conditions nothing.

    python -m pretrain.clip --corpus pretrain/corpus --initial pretrain/clip_vision --out pretrain/base/clip

Its towers are taught apart first: the image tower by `clip_vision`, the text tower by the names in drawn captions.

Besides the other pictures' captions each picture has some of its own that are wrong by one word (`wrong_captions`),
since contrast between random pictures does not require colour, print and garment together. It sees no edits.

Legend: B batch, W wrong captions of a picture, D features, S side in px.
"""

import random
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, CLIPVisionConfig

from atelier.common import command
from atelier.images.tensors import to_tensor
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.common.tokenizer import text_config
from pretrain.editor.clip import MEAN, STD, decay_groups, same_captions, save
from pretrain.text_encoder import LENGTH, build_words, pretrain, tokenize
from pretrain.text_to_image import read_captions
from pretrain.wrong_captions import change_word

WIDTH, LAYERS, PATCHES = 128, 4, 16  # PATCHES: along a side
WRONG = 3  # captions of each picture that are wrong by one word


def build(size: int, tokenizer: CLIPTokenizer) -> CLIPModel:
    """Build an untrained CLIP for pictures of side `size`: 1.5 M parameters."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=WIDTH, num_hidden_layers=LAYERS,
        num_attention_heads=4, image_size=size, patch_size=size // PATCHES,
    )  # fmt: skip
    text = text_config(tokenizer, width=WIDTH, layers=2, projection=WIDTH)
    text.max_position_embeddings = LENGTH
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH))


# L = ½ [−log softmax(s I·T over B captions and own W wrong ones) − log softmax(s T·I over B pictures)]
def contrast(images: torch.Tensor, texts: torch.Tensor, wrong: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the contrastive loss, a scalar.

    Args:
        images, texts: features (B, D), times the root of the scale.
        wrong: features (B, W, D) of each picture's wrong captions.
        target: distribution (B, B) over the captions that are right for each picture: equal ones share it.
    """
    among = images @ texts.T
    own = torch.einsum("bd,bwd->bw", images, wrong)
    by_image = F.cross_entropy(torch.cat([among, own], 1), F.pad(target, (0, wrong.shape[1])))
    return 0.5 * (by_image + F.cross_entropy(among.T, target))


@command.stage
@input_option("corpus", "Folder of the corpus.")
@input_option("initial", "CLIP of pretrain.clip_vision, whose image tower it starts from.", required=False)
@click.option("--further", is_flag=True, help="Train a CLIP of this script further: do not teach its text tower again.")
@training_options(steps=3000, batch_size=32, lr=1e-3)
def main(corpus: Path, initial: Path | None, further: bool, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, and save in transformers' format."""
    images, captions = np.load(corpus / "images.npy", mmap_mode="r"), read_captions(corpus)
    torch.manual_seed(0)
    tokenizer = build_words(captions)
    model = build(images.shape[1], tokenizer)
    if initial is not None:
        model.load_state_dict(CLIPModel.from_pretrained(initial).state_dict())
    if not further:
        click.echo(f"text tower: {pretrain(model.text_model, tokenizer):.4f} of kinds, colours and patterns read")
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.random.default_rng([7 if further else 5, step]).choice(len(images), batch_size, replace=False)
        rng, right = random.Random(f"wrong {step} {further}"), [captions[i] for i in some]
        wrong = [change_word(text, rng) for text in right for _ in range(WRONG)]
        x = (to_tensor(images[some]) - mean) / std
        tokens = tokenize(tokenizer, right + wrong)
        with torch.autocast("cpu", torch.bfloat16):
            image = model.get_image_features(pixel_values=x)
            text = model.get_text_features(input_ids=tokens)  # causal: padding changes nothing before it
        image, text = (F.normalize(_features(one).float(), dim=-1) for one in (image, text))
        scale = model.logit_scale.exp().clamp(max=100).sqrt()
        own = text[batch_size:].view(batch_size, WRONG, -1)
        _, target = same_captions(right)
        loss = contrast(image * scale, text[:batch_size] * scale, own * scale, target)
        lead = (image * text[:batch_size]).sum(-1) - torch.einsum("bd,bwd->bw", image, own).amax(1)
        return loss, {"right of its own": (lead > 0).float().mean().item()}

    settings = {
        "batch": batch_size, "lr": lr, "initial": initial, "further": further,
        "vocabulary": tokenizer.get_vocab(), "pictures": len(images),
    }  # fmt: skip
    with fit("clip", model, decay_groups(model, lr), loss_of, steps=steps, settings=settings):
        save(model.to(torch.bfloat16), tokenizer, images.shape[1], out)
        click.echo(f"CLIP: {steps} steps of {batch_size}, saved to {out}")


def _features(output: object) -> torch.Tensor:
    """Return the pooled features, which some versions of transformers wrap in an output."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


if __name__ == "__main__":
    main()
