"""atelier: fine-tune InstructPix2Pix on fashion images and measure how much that improves its edits.

`atelier.load()` opens an editor for Python (docs/python.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atelier.common.errors import UserError
    from atelier.editing.photo_editor import EditedPhoto, PhotoEditor, load
    from atelier.editing.record import EditRecord, read_record

__version__ = "0.1.0"
__all__ = ["EditRecord", "EditedPhoto", "PhotoEditor", "UserError", "__version__", "load", "read_record"]

_WHERE = {
    "UserError": "atelier.common.errors",
    "EditedPhoto": "atelier.editing.photo_editor",
    "PhotoEditor": "atelier.editing.photo_editor",
    "load": "atelier.editing.photo_editor",
    "EditRecord": "atelier.editing.record",
    "read_record": "atelier.editing.record",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `atelier --help` must not wait for torch."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
