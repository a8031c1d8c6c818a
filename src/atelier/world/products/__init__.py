"""Composed product and model photographs with logos, for training and evaluating text-to-image models."""

from atelier.world.products.concepts import CONCEPTS, concept_shots
from atelier.world.products.general import COLOURS, KINDS, general_shot, general_shots
from atelier.world.products.marked import BAD_KINDS, bad_logo_shots, logo_shots, marked_shots
from atelier.world.products.plates import WORD, draw_plate, sample_word
from atelier.world.products.shots import Shot
from atelier.world.products.wares import PLACES

__all__ = [
    "BAD_KINDS", "COLOURS", "CONCEPTS", "KINDS", "PLACES", "WORD", "Shot", "bad_logo_shots", "concept_shots",
    "draw_plate", "general_shot", "general_shots", "logo_shots", "marked_shots", "sample_word",
]  # fmt: skip
