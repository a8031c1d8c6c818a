"""The six prompts of every run (section 4.3), and texts for a CLIP that does not know the logo's name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """A prompt with the logo's name. Two of the six name a colour; their `question` has a placeholder for it."""

    text: str
    question: str = ""
    colour: str = ""


def six_prompts(token: str) -> tuple[Prompt, ...]:
    """Return the prompts in the paper's order."""
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
    """Return DreamBooth's prompt of all training images (section 4.3)."""
    return f"a {token} logo"
