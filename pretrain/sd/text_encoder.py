"""The tokenizer that the text-to-image model of products and its CLIP share."""

from collections.abc import Sequence

from transformers import CLIPTokenizer

from atelier.synthetic.products import COLOURS, PLACES
from pretrain.common.tokenizer import build_tokenizer

VOCABULARY = 1024


def wordings(shots: Sequence[dict]) -> list[str]:
    """Return captions of the corpus, and texts with the other words that prompts may have."""
    more = [f"{colour} {place} with something special and elegant" for colour in COLOURS for place in PLACES]
    return [shot["prompt"] for shot in shots[:8000]] + more


def build_words(shots: Sequence[dict]) -> CLIPTokenizer:
    """Train the tokenizer; the same corpus always gives the same one."""
    return build_tokenizer(wordings(shots), VOCABULARY)
