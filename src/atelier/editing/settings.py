"""What edits are made with: parameters, and the networks that they name."""

from dataclasses import dataclass
from pathlib import Path

from atelier.common.command import PARAMS
from atelier.common.errors import UserError
from atelier.common.threads import set_threads
from atelier.config import Generate, Models, read_params
from atelier.config.presets import read_preset
from atelier.masks.predict import Search, make_search
from atelier.models.digest import digest_base
from atelier.models.finetuned import TRAINED_FACTS, read_facts
from atelier.models.instruct_pix2pix import Editor, open_weights

FINETUNED = Path("models/finetuned")
MIN_AREA = 0.005  # mask.min_area where there is no parameters file


@dataclass(frozen=True)
class Settings:
    """What an edit is made with."""

    models: Models
    generate: Generate
    min_area: float  # share of a picture below which a mask is next to nothing
    weights: str  # folder or hub id of the editor
    fell_back: bool = False  # to the base, since no weights were named and there are no fine-tuned ones


def read_settings(params: Path, weights: str | None, **given: float | str | None) -> Settings:
    """Return the settings of a parameters file; where params.yaml does not exist, those of the full-size preset.

    Args:
        weights: folder or hub id of the editor; None: models/finetuned if there is one, or else `models.editor`.
        given: values of the section `generate` to take instead; None leaves one as it is.

    Raises:
        UserError: the file cannot be read, or a value in it is not valid.
    """
    if params.exists() or params != PARAMS:
        chosen = read_params(params)
        models, generate, min_area = chosen.models, chosen.generate, chosen.mask.min_area
    else:
        preset = read_preset("full-size")
        models, min_area = Models(**preset["models"], device="auto"), MIN_AREA
        generate = Generate(**preset["generate"], sweep_probes=0, seed=0)
    generate = generate.model_copy(update={name: value for name, value in given.items() if value is not None})
    fell_back = weights is None and not (FINETUNED / TRAINED_FACTS).exists()
    if weights is None:
        weights = models.editor if fell_back else str(FINETUNED)
    return Settings(models, generate, min_area, weights, fell_back)


def load_networks(settings: Settings) -> tuple[Editor, Search]:
    """Load the editor and the segmenter, the latter when it is first used; set the number of threads.

    Raises:
        UserError: the editor cannot be loaded.
    """
    set_threads(settings.models.threads)
    editor = open_weights(settings.weights, settings.models.dtype, settings.models.device)
    return editor, make_search(settings.models)


def identify(weights: str) -> str | None:
    """Return a SHA-256 that tells editors apart, over what was trained or else over the base's files.

    None if the files are not at hand: a hub id that is not in the cache, or a folder that older versions wrote.
    """
    if (Path(weights) / TRAINED_FACTS).exists():
        return read_facts(Path(weights)).get("sha256")
    return digest_base(weights)


def check_editor(wanted: str | None, found: str | None, weights: str) -> None:
    """Check that an editor is the one that made an edit, by the SHA-256 of both where they are known.

    Raises:
        UserError: it is another one.
    """
    if wanted and found and wanted != found:
        raise UserError(f"{weights}: not the editor that made this edit (SHA-256 {found[:12]}…, not {wanted[:12]}…)")
