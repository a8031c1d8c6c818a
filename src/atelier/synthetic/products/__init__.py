"""Rendered product and model photographs with logos, for training and evaluating text-to-image models."""

from atelier.synthetic.products.concepts import CONCEPTS, concept_shots
from atelier.synthetic.products.places import PLACES
from atelier.synthetic.products.plates import WORD
from atelier.synthetic.products.shots import COLOURS, Shot, bad_logo_shots, general_shot, general_shots, logo_shots

__all__ = [
    "COLOURS", "CONCEPTS", "PLACES", "WORD", "Shot", "bad_logo_shots", "concept_shots", "general_shot",
    "general_shots", "logo_shots",
]  # fmt: skip
