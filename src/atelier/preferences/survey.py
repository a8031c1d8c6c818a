"""A survey: its pairs, its answers file, and which trials each rater has left.

Seed, rater and pairs determine the order of trials and the sides, so that a rater can resume. Every pair is shown once.
A share of the pairs from the first half of the rater's order is then shown again with the sides swapped, to measure
self-agreement: at least half of the survey lies between the two trials of a pair.
"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.preferences.answers import Answer, Choice, append_answer, read_answers
from atelier.preferences.pairs import Pair, pair_digest

MAX_NAME, MAX_QUESTION = 60, 500  # characters of a rater's name, and of the question
QUESTION = "Which picture looks more natural?"  # from the paper on anomalous images (studies/anomaly)


@dataclass(frozen=True)
class Trial:
    """One screen: a pair, and whether its picture A is on the left."""

    pair_id: str
    a_is_left: bool
    repeat: bool


def plan_trials(pair_ids: Iterable[str], rater: str, *, seed: int, repeats: float) -> list[Trial]:
    """Return the rater's trials in order.

    Args:
        repeats: share of the pairs to show again, from 0 to 0.5; rounded up, to at most half of the pairs.
    """
    order = sorted(pair_ids)
    rng = random.Random(f"{seed}\0{rater}")
    rng.shuffle(order)
    half = order[: math.ceil(len(order) / 2)]
    again = rng.sample(half, min(len(half), math.ceil(round(repeats * len(order), 9))))
    sides = {name: random.Random(f"{seed}\0{rater}\0{name}").random() < 0.5 for name in order}
    first = [Trial(name, sides[name], repeat=False) for name in order]
    return first + [Trial(name, not sides[name], repeat=True) for name in again]


@dataclass(frozen=True)
class Survey:
    """Pairs for people to compare, and the file for their answers."""

    pairs: dict[str, Pair]
    contents: dict[str, str]  # pair_id → `pair_digest`
    file: Path
    question: str
    seed: int
    repeats: float

    def progress(self, rater: str) -> dict[str, Any]:
        """Return what the page displays: the number of answers, and the first trial without one."""
        return self._progress(rater, read_answers(self.file).rows if self.file.exists() else [])

    def last(self, rater: str) -> dict[str, Any]:
        """Return what the page displays to change the rater's last answer: its trial; the progress if there is none."""
        rows = read_answers(self.file).rows if self.file.exists() else []
        state = self._progress(rater, rows)
        number = self._last(rater, rows)
        if number is None:
            return state
        prompt = self.pairs[self._plan(rater)[number].pair_id].prompt
        return state | {"task": number, "prompt": prompt, "answered": state["answered"] - 1, "again": True}

    def answer(self, rater: str, task: int, choice: Choice, seconds: float, again: bool = False) -> dict[str, Any]:
        """Save the answer to a trial and return the progress after it.

        A second answer to a trial is ignored, unless `again` says that it replaces the rater's last answer.

        Raises:
            IndexError: the rater has no such trial.
        """
        trial = self._plan(rater)[task]
        pair = self.pairs[trial.pair_id]
        left, right = (pair.system_a, pair.system_b)[:: 1 if trial.a_is_left else -1]
        answer = Answer(
            rater=rater,
            question=self.question,
            content=self.contents[pair.pair_id],
            **pair.model_dump(include={"pair_id", "prompt", "group"}),
            left=left,
            right=right,
            choice=choice,
            repeat=trial.repeat,
            seconds=round(seconds, 3),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

        def once(rows: list[Answer]) -> Answer | None:
            if _key(trial) not in _answered(rater, rows):
                return answer
            changed = again and self._last(rater, rows) == task
            return answer.model_copy(update={"replaces": True}) if changed else None

        return self._progress(rater, [*append_answer(self.file, once).rows, answer])

    def picture(self, rater: str, task: int, side: str) -> Path:
        """Return the file shown on one side of a trial.

        Raises:
            IndexError: the rater has no such trial.
        """
        trial = self._plan(rater)[task]
        pair = self.pairs[trial.pair_id]
        return pair.picture_a if (side == "left") == trial.a_is_left else pair.picture_b

    def _plan(self, rater: str) -> list[Trial]:
        return plan_trials(self.pairs, rater, seed=self.seed, repeats=self.repeats)

    def _last(self, rater: str, rows: Iterable[Answer]) -> int | None:
        """Return the number of the trial that the rater answered last, None before the first answer."""
        keys = [_key(row) for row in rows if row.rater == rater]
        numbers = {_key(trial): number for number, trial in enumerate(self._plan(rater))}
        return numbers.get(keys[-1]) if keys else None

    def _progress(self, rater: str, rows: Iterable[Answer]) -> dict[str, Any]:
        done, plan = _answered(rater, rows), self._plan(rater)
        left = [number for number, trial in enumerate(plan) if _key(trial) not in done]
        state: dict[str, Any] = {"answered": len(plan) - len(left), "total": len(plan), "question": self.question}
        if left:
            state |= {"task": left[0], "prompt": self.pairs[plan[left[0]].pair_id].prompt}
        return state


def check_question(question: str | None) -> str:
    """Return the question to ask, by default QUESTION.

    Raises:
        UserError: it is longer than MAX_QUESTION.
    """
    text = (question or "").strip() or QUESTION
    if len(text) > MAX_QUESTION:
        raise UserError(f"--question: {len(text)} characters; at most {MAX_QUESTION}")
    return text


def open_survey(pairs: list[Pair], file: Path, question: str, seed: int, repeats: float) -> Survey:
    """Open a survey; existing answers in `file` are continued.

    Raises:
        UserError: the existing answers are to another question, or about other pictures.
    """
    contents = {pair.pair_id: pair_digest(pair) for pair in pairs}
    for row in read_answers(file).rows if file.exists() else []:
        if row.question != question or contents.get(row.pair_id) != row.content:
            about = f"the question {row.question!r}" if row.question != question else "other pictures or prompts"
            raise UserError(f"{file}: contains an answer on pair {row.pair_id!r} about {about}; choose another --out")
    return Survey({pair.pair_id: pair for pair in pairs}, contents, file, question, seed, repeats)


def _key(shown: Answer | Trial) -> tuple[str, bool]:
    return shown.pair_id, shown.repeat


def _answered(rater: str, rows: Iterable[Answer]) -> set[tuple[str, bool]]:
    return {_key(row) for row in rows if row.rater == rater}
