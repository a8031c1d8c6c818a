"""Rendered pictures of people in clothes, with exact masks and with the exact target of any edit."""

from atelier.synthetic.fashion.render import Layout, Rendered, lay_out, paint, render
from atelier.synthetic.fashion.rows import rows
from atelier.synthetic.fashion.sample import sample_outfit
from atelier.synthetic.fashion.scene import Garment, Scene, describe_scene, edit, slot_of
from atelier.text.colours import ACCENTS, COLOURS_LAB, COLOURS_RGB, HELD_OUT, is_held_out

__all__ = [
    "ACCENTS",
    "COLOURS_LAB",
    "COLOURS_RGB",
    "HELD_OUT",
    "Garment",
    "Layout",
    "Rendered",
    "Scene",
    "describe_scene",
    "edit",
    "is_held_out",
    "lay_out",
    "paint",
    "render",
    "rows",
    "sample_outfit",
    "slot_of",
]
