"""Composed photographs of path-traced people in draped clothes, with exact masks and the exact target of any edit.

Pictures are composed from stored shots (`python -m shoot.pack`). The names here are those of `synthetic.fashion`.

Public: `Scene`, `compose`, `describe_scene`, `edit`, `edit_cut`, `fabrics`, `framing`, `lay_out`, `logos`, `paint`,
`poses`, `prints`, `products`, `programs`, `render`, `sample`, `sample_outfit`, `shards`, `shotfile`.
"""

from atelier.text.colours import ACCENTS, COLOURS_LAB, COLOURS_RGB, HELD_OUT, is_held_out
from atelier.world.programs import Garment, Person, Scene, describe_scene, edit, edit_cut, slot_of
from atelier.world.render import Layout, Rendered, lay_out, paint, render
from atelier.world.rows import rows
from atelier.world.sample import sample_outfit

__all__ = [
    "ACCENTS", "COLOURS_LAB", "COLOURS_RGB", "HELD_OUT", "Garment", "Layout", "Person", "Rendered", "Scene",
    "describe_scene", "edit", "edit_cut", "is_held_out", "lay_out", "paint", "render", "rows", "sample_outfit",
    "slot_of",
]  # fmt: skip
