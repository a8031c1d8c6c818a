"""What is painted: ten prompts of each family, and correct renders of the same words."""

from dataclasses import dataclass

import numpy as np

from atelier.common.rng import derive_seed
from atelier.synthetic.poses import PLACES, UPRIGHT, Look, Mannequin, prompt_of, render, sample_body, sample_look

TAUGHT_PLACES = ("grass", "street")  # the paper's prompts
FAMILIES = {
    "lying": "lying on the grass or street (taught)",
    "elsewhere": "lying on the beach or in the studio (not taught)",
    "upright": "standing, walking, waving, jumping anywhere (not taught)",
}


@dataclass(frozen=True)
class Prompt:
    key: str  # family and number
    family: str
    look: Look  # skin, hair and backdrop stand in no words
    pose: str

    @property
    def text(self) -> str:
        return prompt_of(self.look, self.pose)


def draw_prompts(count: int, seed: int) -> list[Prompt]:
    """`count` prompts of each family, their places and poses in turn."""
    found = []
    for family in FAMILIES:
        places = {"lying": TAUGHT_PLACES, "elsewhere": ("beach", "studio"), "upright": PLACES}[family]
        for number in range(count):
            rng = np.random.default_rng(derive_seed(seed, family, number))
            look = sample_look(rng, places[number % len(places)])
            pose = "lying" if family != "upright" else UPRIGHT[(number + number // len(UPRIGHT)) % len(UPRIGHT)]
            found.append(Prompt(f"{family}-{number:02d}", family, look, pose))
    return found


def render_prompt(prompt: Prompt, number: int, seed: int, size: int) -> Mannequin:
    """A correct picture of a prompt: of these clothes and this place, all else at random."""
    rng = np.random.default_rng(derive_seed(seed, "correct", prompt.key, number))
    said = prompt.look
    free = sample_look(rng, said.place)
    worn = {name: getattr(said, name) for name in ("gender", "top", "top_colour", "bottom", "bottom_colour", "place")}
    look = Look(skin=free.skin, hair=free.hair, backdrop=free.backdrop, **worn)
    return render(sample_body(rng, prompt.pose), look, rng, size=size)


def noise_seeds(prompt: Prompt, group: int, seed: int) -> list[int]:
    """Seeds of a group's pictures: the same whatever paints them."""
    return [derive_seed(seed, "noise", prompt.key, number) for number in range(group)]
