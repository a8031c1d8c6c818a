"""The rendered world: people in clothes, drawn exactly, with masks and with the exact result of any edit."""

from atelier.world.palette import ACCENTS, COLOURS_LAB, COLOURS_RGB, HELD_OUT, is_held_out
from atelier.world.render import Layout, Rendered, lay_out, paint, render
from atelier.world.rows import rows
from atelier.world.sample import sample_outfit
from atelier.world.scene import Garment, Scene, describe_scene, edit, slot_of

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
