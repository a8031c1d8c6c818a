"""What can be wrong with an edit, told from its scores. A picture may fail in several ways, or in none."""

from collections.abc import Mapping

NONE = "none of these"
KINDS = {  # kind → what it means, in the page's words
    "leaked": "more than half of the change lies outside the garment",
    "wrong garment": "another garment changed more than the one that was named",
    "nothing changed": "the root-mean-square change inside the garment is below 0.05",
    "wrong colour": "ΔE2000 between the garment and the named colour is above 10",
    "pattern not recognised": "CLIP sees another pattern on the garment than the one asked for",
}
LEAKED, LITTLE, FAR = 0.5, 0.05, 10.0


def failures(scores: Mapping[str, float]) -> list[str]:
    """The kinds that hold for one edit, in the order of `KINDS`; `[NONE]` where none does.

    A measure that is missing or NaN (`delta_e` of a pattern, say) never counts as a failure.

    Args:
        scores: measure → value.
    """
    nan = float("nan")
    holds = {
        "leaked": scores.get("leakage_share", nan) > LEAKED,
        "wrong garment": scores.get("right_garment", nan) < 1,
        "nothing changed": scores.get("change_inside", nan) < LITTLE,
        "wrong colour": scores.get("delta_e", nan) > FAR,
        "pattern not recognised": scores.get("pattern_recognised", nan) == 0,
    }
    return [kind for kind in KINDS if holds[kind]] or [NONE]
