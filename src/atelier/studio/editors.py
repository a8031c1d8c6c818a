"""The editors that the page offers, and those of them that are loaded."""

from collections.abc import Sequence
from pathlib import Path

from atelier.common.errors import UserError
from atelier.editing.photo_editor import PhotoEditor
from atelier.editing.settings import Settings, read_settings
from atelier.models.finetuned import TRAINED_FACTS

LOADED = 2  # editors kept in memory: one that edits, and one to compare it with
_BASE_FACTS = "model_index.json"  # of a diffusers folder


class Editors:
    """Editors by name, loaded when they are first used; the LOADED that were used last stay in memory."""

    def __init__(self, params: Path, given: Sequence[str] = ()) -> None:
        """List the editors: the fine-tuned one if there is one, the base, then those that are given.

        Args:
            params: parameters file, as for `atelier edit`.
            given: folders of a fine-tuned or base editor, or folders of such folders.

        Raises:
            UserError: the parameters cannot be used, or a folder has no editor.
        """
        self.settings: Settings = read_settings(params, None)
        found = [name for folder in given for name in _find(Path(folder))]
        self.names = list(dict.fromkeys([self.settings.weights, self.settings.models.editor, *found]))
        self._params = params
        self._loaded: dict[str, PhotoEditor] = {}

    @property
    def base(self) -> str | None:
        """The editor to compare a fine-tuned one with at first: the base; None where nothing was fine-tuned."""
        return None if self.settings.fell_back else self.settings.models.editor

    def load(self, name: str) -> PhotoEditor:
        """Return an editor of the list, loaded.

        Raises:
            UserError: it is not in the list, or cannot be loaded.
        """
        if name not in self.names:
            raise UserError(f"{name[:80]}: not an editor of this page; one of {', '.join(self.names)}")
        editor = self._loaded.pop(name, None) or PhotoEditor(read_settings(self._params, name))
        self._loaded[name] = editor  # the last one is the one that was used last
        for old in list(self._loaded)[:-LOADED]:
            del self._loaded[old]
        return editor


def _find(folder: Path) -> list[str]:
    """Return a folder if it is an editor's, or else the folders in it that are."""
    try:
        inside = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        found = [str(path) for path in inside if any((path / name).is_file() for name in (TRAINED_FACTS, _BASE_FACTS))]
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; expected the folder of an editor") from None
    if not found:
        wanted = f"expected {TRAINED_FACTS} or {_BASE_FACTS} in it, or folders that have one"
        raise UserError(f"{folder}: not the folder of an editor; {wanted}")
    return found[:1] if found[0] == str(folder) else found
