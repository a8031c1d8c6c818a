"""Models as raters: each pair asked in both orders, replies parsed strictly, and measures of how reliable they are."""

import base64
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.preferences.answers import Answer, Answers
from atelier.preferences.client import Client
from atelier.preferences.outcomes import majority, outcome_of
from atelier.preferences.pairs import TIE, Pair, media_type, pair_digest
from atelier.preferences.score import check_alike, left_preferred, vote, win_rates
from atelier.stats.agreement import DIGITS, cohen_kappa, rate

MAX_TOKENS = 16  # one word is requested; a longer reply does not follow the instruction
_CHOICES = {"a": "left", "b": "right", "tie": TIE}


def judge_pairs(client: Client, model: str, pairs: Sequence[Pair], question: str) -> Iterator[Answer]:
    """Ask a model about each pair in both orders; the second, with swapped pictures, is the `repeat`.

    Raises:
        UserError: the server cannot be asked.
    """
    for pair in pairs:
        shared = {"rater": model, "question": question, "content": pair_digest(pair)}
        shared |= pair.model_dump(include={"pair_id", "prompt", "group"})
        sides = [(pair.system_a, pair.picture_a), (pair.system_b, pair.picture_b)]
        for repeat in (False, True):
            (left, first), (right, second) = sides[:: -1 if repeat else 1]
            reply = client.ask(make_request(model, question, pair.prompt, first, second))
            yield Answer(**shared, left=left, right=right, choice=parse_choice(reply), repeat=repeat, reply=reply)


def make_request(model: str, question: str, prompt: str, first: Path, second: Path) -> dict[str, Any]:
    """Return a chat completion request with the question and the pictures A and B as data URIs."""
    content = [
        _text(f"Two pictures, A and B, were made for this text:\n{prompt}\n\n{question}\n\nPicture A:"),
        _picture(first),
        _text("Picture B:"),
        _picture(second),
        _text("Answer with one word and nothing else: A, B or tie."),
    ]
    messages = [{"role": "user", "content": content}]
    return {"model": model, "temperature": 0, "max_tokens": MAX_TOKENS, "messages": messages}


def parse_choice(reply: str) -> Any:
    """Return the choice of a reply: A, B or tie, in any case, with or without a full stop; otherwise `invalid`."""
    match = re.fullmatch(r"\s*(a|b|tie)\.?\s*", reply, re.IGNORECASE)
    return _CHOICES[match[1].lower()] if match else "invalid"


def majority_of_people(people: Answers, pairs: Sequence[Pair], question: str) -> dict[str, str]:
    """Return pair_id → the system that most people preferred, for the pairs that people were shown.

    Raises:
        UserError: people answered another question, none of these pairs, or other pictures with the same pair_id.
    """
    valid = check_alike(people.rows)
    if valid[0].question != question:
        raise UserError(f"people were asked {valid[0].question!r}; ask the models the same with --question")
    contents = {pair.pair_id: pair_digest(pair) for pair in pairs}
    votes = [row for row in valid if row.pair_id in contents]
    if not votes or any(row.content != contents[row.pair_id] for row in votes):
        raise UserError("people were not shown these pairs; --answers belongs to another pairs file")
    return majority(vote(votes))


def report_judges(answers: Sequence[Answer], people: dict[str, str] | None) -> dict[str, Any]:
    """Report each model's results and, where `people` is given, its agreement with the majority of people."""
    models: dict[str, list[Answer]] = {}
    for row in answers:
        models.setdefault(row.rater, []).append(row)
    return {
        "question": answers[0].question,
        "pairs": len({row.pair_id for row in answers}),
        "models": {model: _report_model(rows, people) for model, rows in models.items()},
    }


def _report_model(rows: Sequence[Answer], people: dict[str, str] | None) -> dict[str, Any]:
    valid = [row for row in rows if row.choice != "invalid"]
    second = {row.pair_id: row for row in valid if row.repeat}
    both = [(row, second[row.pair_id]) for row in valid if not row.repeat and row.pair_id in second]
    # a preference counts only where both orders agree; otherwise the verdict is a tie
    verdicts = [outcome_of(one, one.winner if one.winner == other.winner else TIE) for one, other in both]
    report: dict[str, Any] = {
        "replies": len(rows),
        "invalid": rate(len(rows) - len(valid), len(rows)),
        "order_flips": rate(sum(one.winner != other.winner for one, other in both), len(both)),
        "left_preferred": left_preferred(valid),
        "win_rates": win_rates(verdicts),
    }
    if people is not None:
        pairs = [(row.winner, people[row.pair_id]) for row in verdicts if row.pair_id in people]
        report["agreement"] = rate(sum(model == most for model, most in pairs), len(pairs))
        if (kappa := cohen_kappa(pairs)) is not None:
            report["agreement"]["cohen_kappa"] = round(kappa, DIGITS)
    return report


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(path: Path) -> dict[str, Any]:
    data = base64.b64encode(path.read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{media_type(path)};base64,{data}"}}
