"""Rendered pictures of one person in a pose, with the body part of each pixel, and with deformed bodies."""

from atelier.synthetic.poses.body import POSES, UPRIGHT, Body, Limb, sample_body
from atelier.synthetic.poses.draw import PARTS, draw_mannequin
from atelier.synthetic.poses.faults import FAULTS, deform
from atelier.synthetic.poses.looks import PLACES, Look, prompt_of, sample_look
from atelier.synthetic.poses.shots import Mannequin, render, sample_mannequin

__all__ = [
    "FAULTS", "PARTS", "PLACES", "POSES", "UPRIGHT", "Body", "Limb", "Look", "Mannequin", "deform", "draw_mannequin",
    "prompt_of", "render", "sample_body", "sample_look", "sample_mannequin",
]  # fmt: skip
