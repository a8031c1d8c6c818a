"""Intervals of the insertion study, and which of the paper's claims they show."""

import numpy as np
import pandas as pd
import pytest

from studies.insertion.bootstrap import Cell, cell, grid
from studies.insertion.claims import Finding, check_claims
from studies.insertion.prompts import COMPLEX, PLAIN


def test_an_interval_resamples_concepts_and_then_their_images():
    """Against a loop over draws; one concept that differs makes the interval wide."""
    scores = np.random.default_rng(1).normal(size=(4, 6))
    rng = np.random.default_rng(5)
    concepts, pictures = rng.integers(4, size=(300, 4, 1)), rng.integers(6, size=(300, 4, 6))
    drawn = [[scores[concepts[d, c, 0], pictures[d, c, p]] for c in range(4) for p in range(6)] for d in range(300)]
    means = [np.mean(values) for values in drawn]
    found = cell(scores, 300, 5)
    assert (found.mean, found.n) == (pytest.approx(scores.mean()), 24)
    assert (found.ci_lo, found.ci_hi) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))
    apart = cell(np.repeat([[0.0], [0.0], [0.0], [1.0]], 6, axis=1), 300, 5)
    assert (apart.ci_lo, apart.ci_hi) == (0.0, pytest.approx(0.75))


def table(levels: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Scores of three concepts × two plain and two complex images: method → image, prompt similarity."""
    return pd.DataFrame([
        {"concept": concept, "method": method, "at": "final", "kind": kind, "place": "", "number": number,
         "image_similarity": image + 0.01 * number, "prompt_similarity": prompt if kind == COMPLEX else np.nan}
        for method, (image, prompt) in levels.items() for concept in "abc" for kind in (PLAIN, COMPLEX)
        for number in range(2)
    ])  # fmt: skip


def find(scores: pd.DataFrame) -> list[Finding]:
    """Check the claims against gaps to the real images that grow from DreamBooth to Textual Inversion."""
    gaps = pd.DataFrame([
        {"concept": concept, "method": method, "image_many": near, "prompt": near}
        for concept in "abc" for method, near in (("dreambooth", 1.0), ("lora", 2.0), ("textual_inversion", 3.0))
    ])  # fmt: skip
    return check_claims(scores, gaps, 100, 1)


def test_claims_hold_where_the_papers_order_is_found_with_intervals_beside_0():
    scores = table({"dreambooth": (0.9, 0.5), "lora": (0.8, 0.6), "textual_inversion": (0.7, 0.4)})
    found = find(scores)
    assert [finding.verdict for finding in found] == ["holds"] * 3
    assert [one.nearer for finding in found for one in finding.differences] == [3, 3, 0, 3, 3, 3, 3, 3]
    other = table({"dreambooth": (0.7, 0.5), "lora": (0.8, 0.6), "textual_inversion": (0.8, 0.4)})
    assert [finding.verdict for finding in find(other)] == ["does not hold", "holds", "does not hold"]
    one = (scores["kind"] == PLAIN) & (scores["method"] == "lora") & (scores["concept"] == "a")
    scores.loc[one, "image_similarity"] += 0.5
    assert find(scores)[0].verdict == "not shown"
    assert Cell(0.1, 0.0, 0.2, 4).json() == {"mean": 0.1, "ci_lo": 0.0, "ci_hi": 0.2, "n": 4}


def test_unequal_numbers_of_images_are_an_error():
    with pytest.raises(ValueError, match="images by concept"):
        grid(table({"lora": (0.5, 0.5)}).iloc[1:], "lora", "image_similarity")
