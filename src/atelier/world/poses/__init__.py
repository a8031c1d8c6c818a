"""Composed pictures of one person in a pose, with the body part of each pixel, whole and deformed."""

from atelier.world.poses.figures import PARTS, Figure, compose_look, read_parts, sample_figure, sample_look, sample_pair
from atelier.world.poses.looks import FAULTS, PLACES, POSES, UPRIGHT, Look, prompt_of

__all__ = [
    "FAULTS", "PARTS", "PLACES", "POSES", "UPRIGHT", "Figure", "Look", "compose_look", "prompt_of", "read_parts",
    "sample_figure", "sample_look", "sample_pair",
]  # fmt: skip
