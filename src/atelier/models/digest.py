"""The digest of a base model: tells whether two folders hold the same networks, tokenizer and noise schedule."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.models.check import TABLE_BYTES, find_folder, read_object

_PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
_INDEX = ".index.json"  # of weights in several files
_UNUSED = {"dtype", "torch_dtype", "transformers_version", "_diffusers_version", "_name_or_path"}  # change no result


def digest_base(where: str | Path) -> str | None:
    """Return the SHA-256 (hex) over what is loaded of an editor's folder, or None if a hub id is not in the cache.

    Notes beside the parts, other variants of the weights (`….fp16.safetensors`), and what saving a configuration again
    changes in it (the library's version, a local path) do not count.
    """
    folder = find_folder(where) or _find_cached(str(where))
    if folder is None:
        return None
    total = hashlib.sha256()
    for name, content in _contents(folder):
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()


def check_base(facts: Mapping[str, Any], folder: Path) -> None:
    """Check that the base of a fine-tuned editor is the one that it was fine-tuned from, where the facts tell.

    Raises:
        UserError: its files are others.
    """
    wanted, found = facts.get("base_sha256"), digest_base(facts["base"]) if "base_sha256" in facts else None
    if wanted and found and found != wanted:
        told = f"SHA-256 {found[:12]}…, not {wanted[:12]}…"
        raise UserError(f"{folder}: fine-tuned from another {facts['base']} ({told}); restore it, or fine-tune again")


def _contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file's name and its digest, or the configuration itself."""
    for part in _PARTS:
        for path in sorted((folder / part).glob("*")):
            name = f"{part}/{path.name}"
            if path.name.endswith(("config.json", _INDEX)) and part != "tokenizer":
                config = read_object(path, TABLE_BYTES)
                yield name, json.dumps({key: config[key] for key in config.keys() - _UNUSED}, sort_keys=True)
            elif path.suffix == ".safetensors" and "." in path.stem:
                continue  # a variant
            elif path.suffix in (".safetensors", ".json", ".txt", ".model") and path.is_file():
                yield name, digest(path)


def _find_cached(where: str) -> Path | None:
    """Return the folder in which the hub's library keeps a model's files, if it has them."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(where, local_files_only=True))
    except (OSError, ValueError):  # not there, or no hub id
        return None
