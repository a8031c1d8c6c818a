"""The paper's claims from its figure 2, compared with the measured scores.

The paper prints no numbers, only which method is first or last. A claim is a set of differences that must all be above
0. It holds if all their intervals are above 0, does not hold if one is below 0, and is otherwise not shown.
"""

from dataclasses import dataclass

import pandas as pd

from studies.insertion.bootstrap import Cell, cell, grid
from studies.insertion.prompts import COMPLEX, PLAIN

TI, DB, LORA = "textual_inversion", "dreambooth", "lora"
NAMES = {TI: "Textual Inversion", DB: "DreamBooth", LORA: "LoRA"}
KIND_OF = {"image_similarity": PLAIN, "prompt_similarity": COMPLEX}
DISTANCE_OF = {"image_similarity": "image_many", "prompt_similarity": "prompt"}
CLAIMS = {  # claim → (better, worse, measure)
    "DreamBooth has the best image similarity": [(DB, LORA, "image_similarity"), (DB, TI, "image_similarity")],
    "LoRA is best at complex prompts": [(LORA, DB, "prompt_similarity"), (LORA, TI, "prompt_similarity")],
    "Textual Inversion is last in both": [
        (other, TI, measure) for measure in KIND_OF for other in (DB, LORA)
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """The difference of two methods in one metric."""

    better: str  # according to the claim
    worse: str
    measure: str
    similarity: Cell  # better − worse
    nearer: int  # number of concepts in which the better has the smaller Fréchet distance
    concepts: int


@dataclass(frozen=True)
class Finding:
    """A claim of the paper and the differences that it rests on."""

    claim: str
    differences: tuple[Difference, ...]

    @property
    def verdict(self) -> str:
        """The verdict by similarities; distances have no interval."""
        found = [one.similarity for one in self.differences]
        if any(one.ci_hi < 0 for one in found):
            return "does not hold"
        return "holds" if all(one.ci_lo > 0 for one in found) else "not shown"


def check_claims(scores: pd.DataFrame, distances: pd.DataFrame, draws: int, seed: int) -> list[Finding]:
    """Return every claim with its differences."""
    return [
        Finding(claim, tuple(_compare(scores, distances, *pair, draws, seed) for pair in pairs))
        for claim, pairs in CLAIMS.items()
    ]


def _compare(
    scores: pd.DataFrame, distances: pd.DataFrame, better: str, worse: str, measure: str, draws: int, seed: int
) -> Difference:
    first, second = (grid(scores, method, measure, kinds=[KIND_OF[measure]]) for method in (better, worse))
    table = distances.pivot_table(index="concept", columns="method", values=DISTANCE_OF[measure])
    nearer = int((table[better] < table[worse]).sum())
    return Difference(better, worse, measure, cell(first - second, draws, seed), nearer, len(first))
