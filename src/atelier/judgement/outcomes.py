"""Answers as outcomes: who preferred which system of two, counted and resampled.

Legend: E outcomes, S systems, D draws.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from atelier.judgement.answers import Answer
from atelier.judgement.pairs import TIE
from atelier.measures.statistics import Clusters


@dataclass(frozen=True)
class Outcome:
    """One rater's verdict on one pair."""

    rater: str
    pair_id: str
    prompt: str
    group: str
    systems: tuple[str, str]  # in alphabetical order
    winner: str  # one of them, or `tie`


def outcome_of(answer: Answer, winner: str) -> Outcome:
    """The outcome of a pair that an answer is about."""
    first, second = sorted((answer.left, answer.right))
    return Outcome(answer.rater, answer.pair_id, answer.prompt, answer.group, (first, second), winner)


def count(outcomes: Iterable[Outcome]) -> Iterator[tuple[tuple[str, str], Counter[str]]]:
    """(systems, how often each of them won or there was a tie), in order of the systems."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.systems, Counter())[outcome.winner] += 1
    yield from sorted(found.items())


def majority(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """pair_id → what most raters said; `tie` where no answer has more than every other."""
    votes: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        votes.setdefault(outcome.pair_id, Counter())[outcome.winner] += 1
    verdicts = {}
    for name, counts in votes.items():
        (winner, most), *others = counts.most_common(2)
        verdicts[name] = TIE if others and others[0][1] == most else winner
    return verdicts


def share_wins(outcomes: Sequence[Outcome], systems: Sequence[str]) -> np.ndarray:
    """Float (E, S, S): [e, i, j] is what outcome e counts as wins of i over j; a tie is half a win of each."""
    index = {name: number for number, name in enumerate(systems)}
    given = np.zeros((len(outcomes), len(systems), len(systems)))
    for number, outcome in enumerate(outcomes):
        one, other = (index[name] for name in outcome.systems)
        share = {outcome.systems[0]: 1.0, outcome.systems[1]: 0.0, TIE: 0.5}[outcome.winner]
        given[number, one, other], given[number, other, one] = share, 1 - share
    return given


def draw_wins(outcomes: Sequence[Outcome], systems: Sequence[str], draws: int, seed: int) -> np.ndarray:
    """Bootstrapped wins, float (D, S, S): raters and prompts are drawn with replacement, independently of each other.

    An outcome counts as often as its rater was drawn times as often as its prompt was (the pigeonhole bootstrap, Owen
    2007), as answers of one rater are alike, and so are answers to one prompt.
    """
    seeds = random.Random(seed)
    weights = np.ones((draws, len(outcomes)))
    for names in ([outcome.rater for outcome in outcomes], [outcome.prompt for outcome in outcomes]):
        clusters = Clusters.draw(np.array(names), draws, seeds.getrandbits(63))
        weights *= clusters.counts[:, clusters.member]
    return np.tensordot(weights, share_wins(outcomes, systems), 1)
