"""The words of the showroom: the tokenizer that its text-to-image base and its CLIP share."""

from collections.abc import Sequence

from transformers import CLIPTokenizer

from atelier.synthetic.products import COLOURS, PLACES
from pretrain.common.tokenizer import build_tokenizer

VOCABULARY = 1024


def wordings(shots: Sequence[dict]) -> list[str]:
    """Every caption of the corpus, and the words that prompts may hold beside them."""
    more = [f"{colour} {place} with something special and elegant" for colour in COLOURS for place in PLACES]
    return [shot["prompt"] for shot in shots[:8000]] + more


def build_words(shots: Sequence[dict]) -> CLIPTokenizer:
    """The same tokenizer whoever builds it."""
    return build_tokenizer(wordings(shots), VOCABULARY)
