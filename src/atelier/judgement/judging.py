"""Models as raters: each pair in both orders, replies read strictly, and how far the verdicts can be believed."""

import base64
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from atelier.errors import UserError
from atelier.judgement.answers import Answer, Answers
from atelier.judgement.client import Client
from atelier.judgement.outcomes import Outcome, majority, outcome_of
from atelier.judgement.pairs import TIE, Pair, fingerprint, media_type
from atelier.judgement.rates import DIGITS, cohen_kappa, rate
from atelier.judgement.scoring import check_alike, left_preferred, vote, win_rates

MAX_TOKENS = 16  # one word is asked for; whoever needs more does not answer the question
_CHOICES = {"a": "left", "b": "right", "tie": TIE}


def judge_pairs(client: Client, model: str, pairs: Sequence[Pair], question: str) -> Iterator[Answer]:
    """Ask a model about each pair in both orders: the second is the `repeat`, its pictures swapped.

    Raises:
        UserError: the server could not be asked.
    """
    for pair in pairs:
        content = fingerprint(pair)
        sides = [(pair.system_a, pair.picture_a), (pair.system_b, pair.picture_b)]
        for repeat in (False, True):
            (left, first), (right, second) = sides[:: -1 if repeat else 1]
            reply = client.ask(make_request(model, question, pair.prompt, first, second))
            yield Answer(
                rater=model, question=question, pair_id=pair.pair_id, content=content, prompt=pair.prompt,
                group=pair.group, left=left, right=right, choice=read_choice(reply), repeat=repeat, reply=reply,
            )  # fmt: skip


def make_request(model: str, question: str, prompt: str, first: Path, second: Path) -> dict[str, Any]:
    """A chat completion request: what is asked, and the pictures A and B as data URIs."""
    return {
        "model": model,
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
        "messages": [
            {
                "role": "user",
                "content": [
                    _text(f"Two pictures, A and B, were made for this text:\n{prompt}\n\n{question}\n\nPicture A:"),
                    _picture(first),
                    _text("Picture B:"),
                    _picture(second),
                    _text("Answer with one word and nothing else: A, B or tie."),
                ],
            }
        ],
    }


def read_choice(reply: str) -> Any:
    """Which side a reply chooses: A, B or tie, in either case, with or without a full stop; all else is `invalid`."""
    match = re.fullmatch(r"\s*(a|b|tie)\.?\s*", reply, re.IGNORECASE)
    return _CHOICES[match[1].lower()] if match else "invalid"


def read_people(people: Answers, pairs: Sequence[Pair], question: str) -> dict[str, str]:
    """pair_id → what most people said of it, of those pairs that they were shown.

    Raises:
        UserError: they answered another question, were shown none of these pairs, or other pictures under their names.
    """
    valid = check_alike(people.rows)
    if valid[0].question != question:
        raise UserError(f"people were asked {valid[0].question!r}; ask the models the same with --question")
    contents = {pair.pair_id: fingerprint(pair) for pair in pairs}
    votes = [row for row in valid if row.pair_id in contents]
    if not votes or any(row.content != contents[row.pair_id] for row in votes):
        raise UserError("people were not shown these pairs; --answers belongs to another pairs file")
    return majority(vote(votes))


def report_judges(answers: Sequence[Answer], people: dict[str, str] | None) -> dict[str, Any]:
    """What the models said, beside each other and, where that is given, beside what most people said."""
    report: dict[str, Any] = {"question": answers[0].question, "pairs": len({row.pair_id for row in answers})}
    models: dict[str, list[Answer]] = {}
    for row in answers:
        models.setdefault(row.rater, []).append(row)
    return report | {"models": {model: _report_model(rows, people) for model, rows in models.items()}}


def _report_model(rows: Sequence[Answer], people: dict[str, str] | None) -> dict[str, Any]:
    """Rates of one model: invalid of replies; of pairs with two valid ones order flips, and verdicts."""
    valid = [row for row in rows if row.choice != "invalid"]
    second = {row.pair_id: row for row in valid if row.repeat}
    both = [(row, second[row.pair_id]) for row in valid if not row.repeat and row.pair_id in second]
    verdicts = [_combine(*orders) for orders in both]
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


def _combine(one: Answer, other: Answer) -> Outcome:
    """The verdict of both orders: a preference only where it does not depend on the order, else a tie."""
    return outcome_of(one, one.winner if one.winner == other.winner else TIE)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(path: Path) -> dict[str, Any]:
    data = base64.b64encode(path.read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{media_type(path)};base64,{data}"}}
