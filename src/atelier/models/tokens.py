"""How much of a text a network reads: its tokenizer cuts what exceeds the text encoder's length."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from atelier.common.notices import notice
from atelier.models.check import check_tokenizer_files, find_folder, opening
from atelier.models.parts import read_tokenizer

_SHOWN = 200  # characters of an unread text in a message


@dataclass(frozen=True)
class TokenLimit:
    """A tokenizer and the number of tokens that its text encoder reads, those of start and end included."""

    tokenizer: Any
    length: int

    def unread(self, text: str) -> str:
        """Return the end of a text that is cut off, from its first unread token; empty if all of it is read."""
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        room = self.length - self.tokenizer.num_special_tokens_to_add()
        return text[found.offset_mapping[room][0] :] if len(found.input_ids) > room else ""

    def fits(self, text: str) -> bool:
        """Whether all of a text is read."""
        return not self.unread(text)


def load_limit(where: str, *, tokenizer: str = "", text_encoder: str = "") -> TokenLimit:
    """Load a model's CLIP tokenizer and the length of its text encoder, without any network.

    Args:
        where: folder or hub id of the model.
        tokenizer: its subfolder with the tokenizer, as `text_encoder` that with the configuration.

    Raises:
        UserError: they cannot be loaded.
    """
    from transformers import CLIPTextConfig, CLIPTokenizer

    with opening(f"{where}: no tokenizer to load"):
        folder = find_folder(where)
        if folder is not None:
            check_tokenizer_files(folder / tokenizer)
        found = read_tokenizer(CLIPTokenizer, where, subfolder=tokenizer)
        config = CLIPTextConfig.from_pretrained(where, subfolder=text_encoder)
    return TokenLimit(found, config.max_position_embeddings)


def describe_unread(text: str) -> str:
    """Quote unread words for a message, on one line and shortened."""
    line = " ".join(text.split())
    return f"not read: “{line if len(line) <= _SHOWN else f'{line[:_SHOWN]}…'}”"


def notice_unread(texts: Iterable[str], unread: Callable[[str], str], what: str) -> int:
    """Count the texts that are not read whole, and say so in one line if there are any.

    Args:
        unread: text → its end that is not read.
        what: the texts and who reads them, for example "instructions are longer than the editor reads".
    """
    ends = [unread(text) for text in texts]
    cut = [end for end in ends if end]
    if cut:
        notice(f"{len(cut)} of {len(ends)} {what}; of the first, {describe_unread(cut[0])}")
    return len(cut)
