"""What a survey's answers say: who was preferred and how surely, and how far the raters can be trusted.

Only first showings count as votes; repeats give self-agreement. Ties are reported, and count half a win for each.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from atelier.errors import UserError
from atelier.judgement.answers import Answer, Answers
from atelier.judgement.outcomes import Outcome, count, draw_wins, outcome_of, share_wins
from atelier.judgement.pairs import TIE
from atelier.judgement.rates import DIGITS, krippendorff_alpha, rate
from atelier.judgement.strengths import bradley_terry, connected
from atelier.measures.statistics import interval


def score_answers(answers: Answers, *, draws: int, seed: int) -> dict[str, Any]:
    """A survey's report: nested, with scalars only. Intervals are at 95 %.

    Args:
        draws: of the bootstrap over raters and prompts.

    Raises:
        UserError: there are no valid answers, they are to several questions, or one pair_id stands for several pairs.
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
    """The valid answers, if all are about the same question and, where they name the same pair, the same pictures.

    Raises:
        UserError: they are not, or there are none, or a rater answered a showing twice.
    """
    valid = [row for row in rows if row.choice != "invalid"]
    if not valid:
        raise UserError("no valid answers to score; `atelier survey PAIRS --out ANSWERS` collects some")
    questions = sorted({row.question for row in rows})
    if len(questions) > 1:
        raise UserError(f"answers to several questions: {questions[0]!r} and {questions[1]!r}; score them apart")
    contents: dict[str, str] = {}
    seen: set[tuple[str, str, bool]] = set()
    for row in rows:
        if contents.setdefault(row.pair_id, row.content) != row.content:
            raise UserError(f"pair {row.pair_id!r} stands for two different pairs; score their answers apart")
        if (key := (row.rater, row.pair_id, row.repeat)) in seen:
            raise UserError(f"rater {row.rater!r} answered pair {row.pair_id!r} twice; keep one of the answers")
        seen.add(key)
    return valid


def vote(valid: Sequence[Answer]) -> list[Outcome]:
    """The outcomes of the first showings."""
    return [outcome_of(row, row.winner) for row in valid if not row.repeat]


def win_rates(outcomes: Sequence[Outcome], *, draws: int = 0, seed: int = 0) -> dict[str, dict[str, float]]:
    """ "a over b" → wins, losses, ties and a's win rate with Wilson's interval; with draws, the clustered one too.

    Wilson's interval takes answers as independent. The clustered one (boot_lo, boot_hi) resamples raters and prompts.
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
    """System → Bradley-Terry log strength with its clustered interval; empty where not all systems are connected."""
    systems = _systems(outcomes)
    wins = share_wins(outcomes, systems).sum(0)
    compared = (wins + wins.T) > 0
    if not connected(compared):
        return {}
    drawn = [bradley_terry(one, compared) for one in draw_wins(outcomes, systems, draws, seed)]
    low, high = interval(np.stack(drawn))
    values = zip(bradley_terry(wins, compared), low, high, strict=True)
    names = ("mean", "ci_lo", "ci_hi")
    return {
        system: {name: round(float(value), DIGITS) for name, value in zip(names, cell, strict=True)}
        for system, cell in zip(systems, values, strict=True)
    }


def self_agreement(valid: Sequence[Answer]) -> dict[str, float]:
    """How often a rater's repeat, with its sides swapped, had the first showing's outcome; n repeats."""
    first = {(row.rater, row.pair_id): row.winner for row in valid if not row.repeat}
    again = [(row, first[row.rater, row.pair_id]) for row in valid if row.repeat and (row.rater, row.pair_id) in first]
    return rate(sum(row.winner == before for row, before in again), len(again))


def left_preferred(valid: Sequence[Answer]) -> dict[str, float]:
    """How often the left picture won where one did, repeats included: .5 where sides play no part."""
    decided = [row.choice for row in valid if row.choice != TIE]
    return rate(decided.count("left"), len(decided))


def _systems(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted({name for outcome in outcomes for name in outcome.systems})


def _split(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, dict[str, dict[str, float]]]:
    """Win rates of each part; parts without a name are left out."""
    parts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        parts.setdefault(key(outcome), []).append(outcome)
    return {name: win_rates(parts[name]) for name in sorted(parts) if name}
