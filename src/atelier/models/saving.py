"""Save a diffusers pipeline so that others load it without options."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def save_pipeline(pipeline: "DiffusionPipeline", out: Path) -> None:
    """Save a pipeline into a folder: without the path of its base, and so that it loads in one dtype, float32.

    diffusers loads its networks in float32 whatever the weights are stored in, but transformers loads a text encoder in
    the dtype that its configuration names, and networks of two dtypes fail in the first call.
    """
    from diffusers import ModelMixin

    for part in pipeline.components.values():
        if isinstance(part, ModelMixin):
            part.register_to_config(_name_or_path="")  # otherwise a path of this machine is saved
    pipeline.save_pretrained(out)
    for path in sorted(out.glob("text_encoder*/config.json")):
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        named = {key: "float32" for key in ("dtype", "torch_dtype") if config.get(key, "float32") != "float32"}
        if named:
            path.write_text(json.dumps(config | named, indent=2, sort_keys=True) + "\n", encoding="utf-8")
