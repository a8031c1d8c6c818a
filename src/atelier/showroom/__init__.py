"""The showroom: rendered product and model photographs, with logos, for text-to-image models."""

from atelier.showroom.concepts import CONCEPTS, concept_shots
from atelier.showroom.places import PLACES
from atelier.showroom.plates import WORD
from atelier.showroom.shots import COLOURS, Shot, bad_logo_shots, general_shot, general_shots, logo_shots

__all__ = [
    "COLOURS", "CONCEPTS", "PLACES", "WORD", "Shot", "bad_logo_shots", "concept_shots", "general_shot",
    "general_shots", "logo_shots",
]  # fmt: skip
