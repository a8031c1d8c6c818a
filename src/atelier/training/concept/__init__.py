"""Teaching a text-to-image model a concept from a few pictures: DreamBooth, Textual Inversion, LoRA.

base = load_model("models/base/painter")
rows = read_folder(Path("logo"), size_of(base), "a red plate with <logo>")
start = prepare(base, settings)
task = ConceptTask(start, encode_rows(base, rows), settings, judge)
*_, finished = train(task, store)              # atelier.training.loop's loop; `judge` sees the model after each epoch
model = task.with_tensors(finished.tensors)
save(model, settings, Path("out"))             # what diffusers' own loader takes
pictures = generate(model, prompts, seeds, steps=20, guidance=7.5)
"""

from atelier.models.loading import load_model, open_pipeline
from atelier.models.text_to_image import TextToImage, size_of
from atelier.sampling.text_to_image import generate, make_class_rows, sample
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import ConceptRow, EncodedRows, encode_rows, read_folder
from atelier.training.concept.methods import prepare, save
from atelier.training.concept.task import ConceptTask, Validation

__all__ = [
    "Concept",
    "ConceptRow",
    "ConceptTask",
    "EncodedRows",
    "TextToImage",
    "Validation",
    "encode_rows",
    "generate",
    "load_model",
    "make_class_rows",
    "open_pipeline",
    "prepare",
    "read_folder",
    "sample",
    "save",
    "size_of",
]  # fmt: skip
