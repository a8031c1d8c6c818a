"""The six prompts that every run is sampled by (section 4.3), and how a CLIP that knows no logo's name is asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """A prompt with the logo's name. Two of the six ask for a colour; `question` is theirs, with a blank for it."""

    text: str
    question: str = ""
    colour: str = ""


def six_prompts(token: str) -> tuple[Prompt, ...]:
    """In the paper's order."""
    return (
        Prompt(f"a {token}"),
        Prompt(
            f"a male model wearing a blue {token} sweater",
            "a male model wearing a {} sweater with a red logo on it", "blue",
        ),
        Prompt(
            f"a female model wearing a green {token} t-shirt",
            "a female model wearing a {} t-shirt with a red logo on it", "green",
        ),
        Prompt(f"the latest {token} products"),
        Prompt(f"a billboard with the {token}"),
        Prompt(f"the new {token} fragrance perfume"),
    )  # fmt: skip


def dreambooth_prompt(token: str) -> str:
    """What all training pictures are called for DreamBooth (section 4.3)."""
    return f"a {token} logo"
