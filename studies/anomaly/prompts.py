"""The test prompts, ten of each family, and correct renders of them."""

from dataclasses import dataclass

import numpy as np

from atelier.common.rng import derive_seed
from atelier.synthetic.poses import PLACES, UPRIGHT, Look, Mannequin, prompt_of, render, sample_body, sample_look

TRAINED_PLACES = ("grass", "street")  # the paper's prompts
FAMILIES = {
    "lying": "lying on the grass or street (taught)",
    "elsewhere": "lying on the beach or in the studio (not taught)",
    "upright": "standing, walking, waving, jumping anywhere (not taught)",
}


@dataclass(frozen=True)
class Prompt:
    """A test prompt and what it describes."""

    key: str  # family and number
    family: str
    look: Look  # skin, hair and background are not part of the text
    pose: str

    @property
    def text(self) -> str:
        """The prompt's text."""
        return prompt_of(self.look, self.pose)


def draw_prompts(count: int, seed: int) -> list[Prompt]:
    """Draw `count` prompts of each family, with places and poses in turn."""
    found = []
    for family in FAMILIES:
        places = {"lying": TRAINED_PLACES, "elsewhere": ("beach", "studio"), "upright": PLACES}[family]
        for number in range(count):
            rng = np.random.default_rng(derive_seed(seed, family, number))
            look = sample_look(rng, places[number % len(places)])
            pose = "lying" if family != "upright" else UPRIGHT[(number + number // len(UPRIGHT)) % len(UPRIGHT)]
            found.append(Prompt(f"{family}-{number:02d}", family, look, pose))
    return found


def render_prompt(prompt: Prompt, number: int, seed: int, size: int) -> Mannequin:
    """Render a correct image of a prompt: its clothes and its place, everything else at random."""
    rng = np.random.default_rng(derive_seed(seed, "correct", prompt.key, number))
    given = prompt.look
    free = sample_look(rng, given.place)
    worn = {name: getattr(given, name) for name in ("gender", "top", "top_colour", "bottom", "bottom_colour", "place")}
    look = Look(skin=free.skin, hair=free.hair, backdrop=free.backdrop, **worn)
    return render(sample_body(rng, prompt.pose), look, rng, size=size)


def noise_seeds(prompt: Prompt, group: int, seed: int) -> list[int]:
    """Return the noise seeds of a group's images, the same for every model."""
    return [derive_seed(seed, "noise", prompt.key, number) for number in range(group)]
