"""Score a survey: win rates, Bradley-Terry strengths and the raters' agreement, with intervals.

Only the first trial of a pair counts as a vote; repeats measure self-agreement. A tie counts half a win for each
system. Legend: S systems.
"""

from collections.abc import Callable, Sequence
from typing import Any

import choix
import numpy as np
from scipy.sparse.csgraph import connected_components

from atelier.common.errors import UserError
from atelier.preferences.answers import Answer, Answers
from atelier.preferences.outcomes import Outcome, count, draw_wins, outcome_of, share_wins
from atelier.preferences.pairs import TIE
from atelier.stats.agreement import DIGITS, krippendorff_alpha, rate
from atelier.stats.bootstrap import interval


def score_answers(answers: Answers, *, draws: int, seed: int) -> dict[str, Any]:
    """Return a survey's report: a nested mapping of scalars, with 95 % intervals.

    Args:
        draws: number of bootstrap draws over raters and prompts.

    Raises:
        UserError: there are no valid first answers, they are to several questions, or one pair_id names several pairs.
    """
    valid = check_alike(answers.rows)
    outcomes = vote(valid)
    report: dict[str, Any] = {
        "question": valid[0].question,
        "answers": len(outcomes),
        "raters": len({row.rater for row in outcomes}),
        "pairs": len({row.pair_id for row in outcomes}),
        "prompts": len({row.prompt for row in outcomes}),
        "repeats": sum(row.repeat for row in valid),
        "invalid": len(answers.rows) - len(valid),
        "torn_lines": int(answers.torn_line is not None),
        "win_rates": win_rates(outcomes, draws=draws, seed=seed),
        "strengths": strengths(outcomes, draws=draws, seed=seed),
        "by_group": _split(outcomes, lambda row: row.group),
        "by_rater": _split(outcomes, lambda row: row.rater),
        "self_agreement": self_agreement(valid),
        "left_preferred": left_preferred(valid),
    }
    labels: dict[str, list[str]] = {}
    for outcome in outcomes:
        labels.setdefault(outcome.pair_id, []).append(outcome.winner)
    if (alpha := krippendorff_alpha(labels.values())) is not None:
        report["krippendorff_alpha"] = round(alpha, DIGITS)
    return report


def check_alike(rows: Sequence[Answer]) -> list[Answer]:
    """Return the valid answers, after checking that question and pictures of each pair are the same in all.

    Raises:
        UserError: they differ, there are no valid answers, or a rater answered a trial twice.
    """
    valid = [row for row in rows if row.choice != "invalid"]
    if not valid:
        raise UserError("no valid answers to score; `atelier survey PAIRS --out ANSWERS` collects some")
    questions = sorted({row.question for row in rows})
    if len(questions) > 1:
        raise UserError(f"answers to several questions: {questions[0]!r} and {questions[1]!r}; score them separately")
    contents: dict[str, str] = {}
    seen: set[tuple[str, str, bool]] = set()
    for row in rows:
        if contents.setdefault(row.pair_id, row.content) != row.content:
            raise UserError(f"pair {row.pair_id!r} is the name of two different pairs; score their answers separately")
        if (key := (row.rater, row.pair_id, row.repeat)) in seen:
            raise UserError(f"rater {row.rater!r} answered pair {row.pair_id!r} twice; keep one of the answers")
        seen.add(key)
    return valid


def vote(valid: Sequence[Answer]) -> list[Outcome]:
    """Return the outcomes of the first trials.

    Raises:
        UserError: there are only repeats.
    """
    outcomes = [outcome_of(row, row.winner) for row in valid if not row.repeat]
    if valid and not outcomes:
        raise UserError("only repeats, without the first answers to the same pairs; expected the whole file of answers")
    return outcomes


def win_rates(outcomes: Sequence[Outcome], *, draws: int = 0, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return "a over b" → wins, losses, ties and a's win rate with its intervals.

    Wilson's interval (ci_lo, ci_hi) treats answers as independent. With `draws`, the clustered bootstrap interval
    (boot_lo, boot_hi) resamples raters and prompts.
    """
    cells = {}
    systems = _systems(outcomes)
    wins = draw_wins(outcomes, systems, draws, seed) if draws else None
    for (one, other), counts in count(outcomes):
        cell: dict[str, float] = {"wins": counts[one], "losses": counts[other], "ties": counts[TIE]}
        cell |= rate(counts[one] + counts[TIE] / 2, counts.total())
        if wins is not None:
            i, j = systems.index(one), systems.index(other)
            total = wins[:, i, j] + wins[:, j, i]
            low, high = interval((wins[:, i, j] / np.where(total > 0, total, np.nan))[:, None])
            cell |= {"boot_lo": round(float(low[0]), DIGITS), "boot_hi": round(float(high[0]), DIGITS)}
        cells[f"{one} over {other}"] = cell
    return cells


def strengths(outcomes: Sequence[Outcome], *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Return system → Bradley-Terry log strength with its clustered bootstrap interval.

    Empty if some systems are not connected by a chain of comparisons: they have no common scale.
    """
    systems = _systems(outcomes)
    wins = share_wins(outcomes, systems).sum(0)
    compared = (wins + wins.T) > 0
    if connected_components(compared, directed=False, return_labels=False) > 1:
        return {}
    drawn = [bradley_terry(one, compared) for one in draw_wins(outcomes, systems, draws, seed)]
    low, high = interval(np.stack(drawn))
    values = zip(bradley_terry(wins, compared), low, high, strict=True)
    names = ("mean", "ci_lo", "ci_hi")
    return {
        system: {name: round(float(value), DIGITS) for name, value in zip(names, cell, strict=True)}
        for system, cell in zip(systems, values, strict=True)
    }


def bradley_terry(wins: np.ndarray, compared: np.ndarray) -> np.ndarray:
    """Return log strengths (S,) with mean 0: P(i is preferred to j) = 1 / (1 + exp(s_j - s_i)).

    The maximum-likelihood estimate by `choix`, with one additional tie between all systems that were compared: without
    it a system that never lost would have infinite strength (for two systems: the Haldane-Anscombe correction).

    Args:
        wins: float (S, S), [i, j] is the number of times i was preferred to j, a tie half a time; the diagonal is 0.
        compared: bool (S, S), symmetric: which systems were compared at all; they must be connected.
    """
    return choix.ilsr_pairwise_dense(wins + 0.5 * compared)


def self_agreement(valid: Sequence[Answer]) -> dict[str, float]:
    """Return the share of repeats (sides swapped) in which the rater chose the same system, or a tie, as before."""
    first = {(row.rater, row.pair_id): row.winner for row in valid if not row.repeat}
    again = [(row, first[row.rater, row.pair_id]) for row in valid if row.repeat and (row.rater, row.pair_id) in first]
    return rate(sum(row.winner == before for row, before in again), len(again))


def left_preferred(valid: Sequence[Answer]) -> dict[str, float]:
    """Return the share of answers other than ties that chose left, repeats included; 0.5 without a position bias."""
    decided = [row.choice for row in valid if row.choice != TIE]
    return rate(decided.count("left"), len(decided))


def _systems(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted({name for outcome in outcomes for name in outcome.systems})


def _split(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the win rates of each part; parts whose key is empty are omitted."""
    parts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        parts.setdefault(key(outcome), []).append(outcome)
    return {name: win_rates(parts[name]) for name in sorted(parts) if name}
