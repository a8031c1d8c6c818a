"""Outcomes of comparisons: which of two systems was preferred, counted and bootstrapped.

Legend: E outcomes, S systems, D draws.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from atelier.preferences.answers import Answer
from atelier.preferences.pairs import TIE
from atelier.stats.bootstrap import Clusters


@dataclass(frozen=True)
class Outcome:
    """The result of one rater's comparison of one pair."""

    rater: str
    pair_id: str
    prompt: str
    group: str
    systems: tuple[str, str]  # in alphabetical order
    winner: str  # one of them, or `tie`


def outcome_of(answer: Answer, winner: str) -> Outcome:
    """Return the outcome of the pair in an answer, with the given winner."""
    first, second = sorted((answer.left, answer.right))
    return Outcome(answer.rater, answer.pair_id, answer.prompt, answer.group, (first, second), winner)


def count(outcomes: Iterable[Outcome]) -> Iterator[tuple[tuple[str, str], Counter[str]]]:
    """Yield (systems, number of wins of each and of ties), sorted by systems."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.systems, Counter())[outcome.winner] += 1
    yield from sorted(found.items())


def majority(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Return pair_id → the most frequent winner; `tie` where two are equally frequent."""
    votes: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        votes.setdefault(outcome.pair_id, Counter())[outcome.winner] += 1
    verdicts = {}
    for name, counts in votes.items():
        (winner, most), *others = counts.most_common(2)
        verdicts[name] = TIE if others and others[0][1] == most else winner
    return verdicts


def share_wins(outcomes: Sequence[Outcome], systems: Sequence[str]) -> np.ndarray:
    """Return float (E, S, S): [e, i, j] is the wins of i over j in outcome e; a tie is half a win for each."""
    index = {name: number for number, name in enumerate(systems)}
    given = np.zeros((len(outcomes), len(systems), len(systems)))
    for number, outcome in enumerate(outcomes):
        one, other = (index[name] for name in outcome.systems)
        share = {outcome.systems[0]: 1.0, outcome.systems[1]: 0.0, TIE: 0.5}[outcome.winner]
        given[number, one, other], given[number, other, one] = share, 1 - share
    return given


def draw_wins(outcomes: Sequence[Outcome], systems: Sequence[str], draws: int, seed: int) -> np.ndarray:
    """Return bootstrapped wins, float (D, S, S): raters and prompts are resampled independently of each other.

    The weight of an outcome is the number of times its rater was drawn times the number of times its prompt was drawn
    (pigeonhole bootstrap, Owen 2007): answers of one rater are correlated, and so are answers to one prompt.
    """
    seeds = random.Random(seed)
    weights = np.ones((draws, len(outcomes)))
    for names in ([outcome.rater for outcome in outcomes], [outcome.prompt for outcome in outcomes]):
        clusters = Clusters.draw(np.array(names), draws, seeds.getrandbits(63))
        weights *= clusters.counts[:, clusters.member]
    return np.tensordot(weights, share_wins(outcomes, systems), 1)
