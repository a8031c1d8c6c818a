"""A survey as one value: its pairs, its answers file, and what each rater still has to see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atelier.errors import UserError
from atelier.judgement.answers import Answer, Choice, append_answer, read_answers
from atelier.judgement.pairs import Pair, fingerprint
from atelier.judgement.showing import Showing, plan_showings

MAX_NAME, MAX_QUESTION = 60, 500  # characters of a rater's name, and of the question
QUESTION = "Which picture looks more natural?"  # the paper's


@dataclass(frozen=True)
class Survey:
    """Pairs to be judged by people, and where their answers go."""

    pairs: dict[str, Pair]
    contents: dict[str, str]  # pair_id → `fingerprint`
    file: Path
    question: str
    seed: int
    repeats: float

    def plan(self, rater: str) -> list[Showing]:
        """All screens of a rater, in order."""
        return plan_showings(self.pairs, rater, seed=self.seed, repeats=self.repeats)

    def progress(self, rater: str) -> dict[str, Any]:
        """What the page needs to know: how far the rater is, and the first screen without an answer."""
        return self._progress(rater, read_answers(self.file).rows if self.file.exists() else [])

    def answer(self, rater: str, task: int, choice: Choice, seconds: float) -> dict[str, Any]:
        """Save an answer, once: a second one to the same screen changes nothing. Returns the progress after it.

        Raises:
            IndexError: the rater has no such screen.
        """
        showing = self.plan(rater)[task]
        pair = self.pairs[showing.pair_id]
        left, right = (pair.system_a, pair.system_b)[:: 1 if showing.a_is_left else -1]
        answer = Answer(
            rater=rater, question=self.question, pair_id=pair.pair_id, content=self.contents[pair.pair_id],
            prompt=pair.prompt, group=pair.group, left=left, right=right, choice=choice, repeat=showing.repeat,
            seconds=round(seconds, 3), at=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip

        def once(rows: list[Answer]) -> Answer | None:
            return None if _key(showing) in _answered(rater, rows) else answer

        return self._progress(rater, [*append_answer(self.file, once).rows, answer])

    def picture(self, rater: str, task: int, side: str) -> Path:
        """The file on one side of a screen.

        Raises:
            IndexError: the rater has no such screen.
        """
        showing = self.plan(rater)[task]
        pair = self.pairs[showing.pair_id]
        return pair.picture_a if (side == "left") == showing.a_is_left else pair.picture_b

    def _progress(self, rater: str, rows: Iterable[Answer]) -> dict[str, Any]:
        done, plan = _answered(rater, rows), self.plan(rater)
        left = [number for number, showing in enumerate(plan) if _key(showing) not in done]
        state: dict[str, Any] = {"answered": len(plan) - len(left), "total": len(plan), "question": self.question}
        if left:
            state |= {"task": left[0], "prompt": self.pairs[plan[left[0]].pair_id].prompt}
        return state


def check_question(question: str | None) -> str:
    """The question to ask, the paper's where none is given.

    Raises:
        UserError: it is longer than anybody would read.
    """
    text = (question or "").strip() or QUESTION
    if len(text) > MAX_QUESTION:
        raise UserError(f"--question: {len(text)} characters; at most {MAX_QUESTION}")
    return text


def open_survey(pairs: list[Pair], file: Path, question: str, seed: int, repeats: float) -> Survey:
    """A survey that goes on with the answers in `file`, if it is there.

    Raises:
        UserError: those are answers to another question, or about other pictures.
    """
    contents = {pair.pair_id: fingerprint(pair) for pair in pairs}
    for row in read_answers(file).rows if file.exists() else []:
        if row.question != question or contents.get(row.pair_id) != row.content:
            about = f"the question {row.question!r}" if row.question != question else "other pictures or prompts"
            raise UserError(f"{file}: holds an answer on pair {row.pair_id!r} about {about}; choose another --out")
    return Survey({pair.pair_id: pair for pair in pairs}, contents, file, question, seed, repeats)


def _key(shown: Answer | Showing) -> tuple[str, bool]:
    return shown.pair_id, shown.repeat


def _answered(rater: str, rows: Iterable[Answer]) -> set[tuple[str, bool]]:
    return {_key(row) for row in rows if row.rater == rater}
