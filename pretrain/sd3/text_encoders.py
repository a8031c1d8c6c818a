"""The tokenizer of the SD3 model and its two small CLIP text encoders."""

from collections.abc import Sequence

import torch
from torch import nn
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from atelier.synthetic.poses import PLACES, POSES
from pretrain.common.tokenizer import build_tokenizer, text_config

LENGTH = 20  # tokens of a prompt, start and end included
VOCABULARY = 768
WIDTHS = (64, 96)  # of the two encoders, whose states are concatenated
LAYERS = 3
T5_TOKENS = 1  # zeros in place of the states of T5, which this model does not have


def wordings(shots: Sequence[dict]) -> list[str]:
    """Return captions of the corpus, and texts with the other words that prompts may have."""
    people = [f"a photo of a sks person {pose}, somebody in plain clothes" for pose in POSES]
    more = [f"{words}, a {place}" for words in people for place in PLACES]
    return [shot["prompt"] for shot in shots[:4000]] + more * 2


def build_words(shots: Sequence[dict]) -> CLIPTokenizer:
    """Train the tokenizer; the same corpus always gives the same one."""
    tokenizer = build_tokenizer(wordings(shots), VOCABULARY)
    tokenizer.model_max_length = LENGTH
    return tokenizer


class TextEncoders(nn.Module):
    """Two CLIP text encoders that are trained with the transformer."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        made = []
        for width in WIDTHS:
            config = text_config(tokenizer, width=width, layers=LAYERS, projection=width)
            config.max_position_embeddings = LENGTH
            made.append(CLIPTextModelWithProjection(config))
        self.first, self.second = made

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode tokens (B, T): penultimate states, concatenated, with T5's zeros (B, T + 1, C); projections (B, C)."""
        found = [encoder(tokens, output_hidden_states=True) for encoder in (self.first, self.second)]
        states = torch.cat([one.hidden_states[-2] for one in found], -1)
        return nn.functional.pad(states, (0, 0, 0, T5_TOKENS)), torch.cat([one.text_embeds for one in found], -1)
