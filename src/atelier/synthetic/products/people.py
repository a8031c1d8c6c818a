"""Fashion models: a person of the fashion scenes from head to hips, close enough for a logo to be legible."""

from dataclasses import replace

import numpy as np

from atelier.synthetic import fashion
from atelier.synthetic.fashion.scene import Framing, Garment, Scene

TOPS = ("t-shirt", "sweater")
_SWEATER_CUT = 4.6  # gives the scenes' t-shirt sleeves to the wrist and a longer hem
CHEST = 0.275  # y of a logo's middle, in body heights below the top of the head
CHEST_WIDTH = 0.205  # largest width of a logo, in body heights


def sample_model(rng: np.random.Generator, gender: str, worn_top: str, colour: str) -> Scene:
    """Sample a front view of a man or a woman in a plain top, close enough for a logo to be legible."""
    while True:
        scene = fashion.sample_outfit(rng, "studio")
        if scene.gender == gender and scene.pose.view == "front" and "upper" in scene.garments:
            break
    cut = _SWEATER_CUT if worn_top == "sweater" else float(rng.uniform(0, 1))
    worn = (("upper", Garment("t-shirt", colour, "solid", cut)), ("lower", without_print(scene.garments["lower"])))
    near = float(rng.uniform(2.6, 2.8))
    framing = Framing(
        centre=0.5 + float(rng.uniform(-0.03, 0.03)),
        top=float(rng.uniform(-0.13, -0.08)),
        scale=near,
        light=1.0,
        slope=0.0,
    )
    return replace(scene, worn=worn, item="upper", framing=framing, pose=replace(scene.pose, lean=0.0),
                   backdrop=replace(scene.backdrop, bars=0.0))  # fmt: skip


def without_print(garment: Garment) -> Garment:
    """Return the same garment without a print."""
    return replace(garment, pattern="solid")


def chest_of(scene: Scene) -> tuple[float, float, float]:
    """Return x, y of a logo's centre and its largest width, in picture sides."""
    frame = scene.framing
    return frame.centre, frame.top + CHEST * frame.scale, CHEST_WIDTH * scene.person.build * frame.scale
