"""Mannequins: pictures of one person in plain clothes, each pixel's body part known, and bodies gone wrong."""

from atelier.mannequins.body import POSES, UPRIGHT, Body, Limb, sample_body
from atelier.mannequins.draw import PARTS, draw_mannequin
from atelier.mannequins.faults import FAULTS, deform
from atelier.mannequins.looks import PLACES, Look, prompt_of, sample_look
from atelier.mannequins.shots import Mannequin, render, sample_mannequin

__all__ = [
    "FAULTS", "PARTS", "PLACES", "POSES", "UPRIGHT", "Body", "Limb", "Look", "Mannequin", "deform", "draw_mannequin",
    "prompt_of", "render", "sample_body", "sample_look", "sample_mannequin",
]  # fmt: skip
