"""The model that MLflow loads and serves: a photograph and an instruction in, the edited photograph out.

MLflow keeps a copy of this file beside the editor and runs it where the model is loaded, with atelier installed.
"""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd

PICTURE, INSTRUCTION, MASK, SEED = "picture", "instruction", "mask", "seed"  # columns of the input
RECORD = "record"  # and of the output, beside PICTURE and MASK


class ServedEditor(mlflow.pyfunc.PythonModel):
    """Edits each row of a table."""

    def load_context(self, context: Any) -> None:
        """Load the editor of the logged model."""
        from atelier.config import Generate, Models
        from atelier.editing.photo_editor import PhotoEditor
        from atelier.editing.settings import Settings

        given = json.loads(Path(context.artifacts["settings"]).read_text(encoding="utf-8"))
        models = given["models"] | {"segmenter": context.artifacts.get("segmenter", given["models"]["segmenter"])}
        chosen = Models(**models), Generate(**given["generate"]), given["min_area"]
        self._editor = PhotoEditor(Settings(*chosen, weights=context.artifacts["editor"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Edit each row.

        Args:
            model_input: `picture`, a file's bytes; `instruction`; optional `mask`, `auto` or `none`, and `seed`.
            params: values of the section `generate` to take instead: steps, guidance_text, guidance_image.

        Returns:
            `picture`, PNG bytes of the upright photograph's size; `mask`, PNG bytes, white where it could change;
            `record`, JSON that `atelier edit --from` repeats.

        Raises:
            UserError: a picture cannot be read, a value is not valid, or no garment is found.
        """
        del context
        sampling = {name: value for name, value in (params or {}).items() if value is not None and value >= 0}
        return pd.DataFrame(list(self._rows(model_input, sampling)))

    def _rows(self, table: pd.DataFrame, sampling: dict[str, Any]) -> Iterator[dict[str, Any]]:
        from PIL import Image

        from atelier.common.errors import UserError

        for row in table.to_dict("records"):
            with Image.open(io.BytesIO(_bytes(row[PICTURE]))) as picture:
                given = {name: row[name] for name in (MASK, SEED) if not pd.isna(row.get(name))}
                mask, seed = given.get(MASK, "auto"), given.get(SEED)
                if mask not in ("auto", "none"):  # the editor would take it for the name of a file on this machine
                    raise UserError(f"mask {str(mask)[:40]!r}: expected auto or none")
                seed = None if seed is None else int(seed)
                edited = self._editor.edit(picture, row[INSTRUCTION], mask=mask, seed=seed, **sampling)
            mask = edited.mask or Image.new("L", edited.picture.size, 255)
            record = edited.record.model_dump_json()
            yield {PICTURE: _png(edited.picture), MASK: _png(mask), RECORD: record}


def _bytes(given: bytes | str) -> bytes:
    """Return a file's bytes, which a caller of the server writes as base64."""
    return base64.b64decode(given) if isinstance(given, str) else given


def _png(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", icc_profile=image.info.get("icc_profile"))
    return file.getvalue()


mlflow.models.set_model(ServedEditor())
