"""`atelier survey`: ask people which of two pictures is better, and score their answers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.options import FREE_TEXT, OUT_FILE, PATH, SEED, Number, check_output

if TYPE_CHECKING:
    from atelier.preferences.survey import Survey

DRAWS = 1000
MAX_WORDS = 20_000  # bytes of the text on the first page


@click.command(cls=Command)
@click.argument("pairs", required=False, type=PATH)
@click.option(
    "--out", type=OUT_FILE, help="JSONL file to append answers to; with --score, the report (ANSWERS as .json)."
)
@click.option("--score", type=PATH, metavar="ANSWERS", help="Score these answers instead of serving the page.")
@click.option(
    "--question", type=FREE_TEXT, help="Question to ask the raters.  [default: Which picture looks more natural?]"
)
@click.option("--repeats", type=Number(0, 0.5), default=0.1, help="Share of pairs to repeat, sides swapped.")
@click.option("--seed", type=SEED, default=0, help="Seed of order and sides, or of the bootstrap.")
@click.option("--port", type=click.IntRange(0, 65535), default=8777, help="Port to listen on; 0 takes a free one.")
@click.option("--raters", type=FREE_TEXT, help="Names of the raters, between commas: each gets a link of their own.")
@click.option(
    "--host", type=FREE_TEXT, help="Address to listen on, for raters on other machines.  [default: this machine's own]"
)
@click.option("--words", type=PATH, metavar="FILE", help="Text file (UTF-8) to show on the first page.")
def survey(
    pairs: Path | None,
    out: Path | None,
    score: Path | None,
    question: str | None,
    repeats: float,
    seed: int,
    port: int,
    raters: str | None,
    host: str | None,
    words: Path | None,
) -> None:
    """Serve a web page where people compare PAIRS of pictures, on this machine or for others, or score their answers.

    PAIRS is a CSV or JSONL file with the columns pair_id, prompt, picture_a, picture_b, system_a, system_b[, group].
    Sides are random for each rater and pair. Every answer is saved immediately; a rater resumes by entering the same
    name, and can change their last answer. Ctrl-C stops the server.

    With --raters the page is reached only by the raters' links, which are printed and stay valid (ANSWERS.links.json).
    Only then --host lets other machines in. The connection is not encrypted.

    Scoring prints win rates with Wilson intervals, Bradley-Terry strengths with intervals over raters and prompts, and
    the raters' agreement with each other and with themselves. docs/preferences.md explains the figures.

    \b
    Examples:
      atelier survey pairs.csv --out answers.jsonl
      atelier survey pairs.csv --out answers.jsonl --repeats 0.2 --question "Which edit follows the prompt better?"
      atelier survey pairs.csv --out answers.jsonl --host 192.168.1.20 --raters ann,bob --words welcome.txt
      atelier survey --score answers.jsonl
    """
    if score is not None and pairs is None:
        _score(score, out or _report_of(score), seed)
    elif pairs is not None and score is None and out is not None:
        from atelier.preferences.pairs import read_pairs
        from atelier.preferences.survey import check_question, open_survey

        opened = open_survey(read_pairs(pairs), out, check_question(question), seed, repeats)
        _serve(opened, port, host, raters, words)
    else:
        raise UserError("expected PAIRS --out ANSWERS, or --score ANSWERS")


def _report_of(answers: Path) -> Path:
    """Return the default name of the report."""
    if not answers.name:
        raise UserError(f"{answers}: is a folder, not a file of answers")
    report = answers.with_suffix(".json")
    check_output(report)
    return report


def _serve(opened: "Survey", port: int, host: str | None, raters: str | None, words: Path | None) -> None:
    from atelier.common.files import read_plain_text
    from atelier.preferences.links import open_links, parse_raters
    from atelier.preferences.server import ADDRESS, SurveyServer

    if host and raters is None:
        raise UserError("--host: other machines need links; name the raters: --raters ann,bob")
    text = "" if words is None else read_plain_text(words, MAX_WORDS).strip()
    links = None if raters is None else open_links(opened.file, parse_raters(raters))
    with SurveyServer(opened, port, host=host or ADDRESS, links=links, words=text) as server:
        for rater, token in (links or {}).items():
            click.echo(f"{rater}\t{server.url}?token={token}")
        if links is None:
            click.echo(server.url)
        click.echo(f"{len(opened.pairs)} pairs; answers go to {opened.file}; Ctrl-C stops the server", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo(f"stopped; score the answers: atelier survey --score {opened.file}", err=True)


def _score(answers: Path, out: Path, seed: int) -> None:
    from atelier.common.files import write_json
    from atelier.preferences.answers import read_answers
    from atelier.preferences.score import score_answers
    from atelier.preferences.tables import survey_table

    if out == answers:
        raise UserError(f"{out} contains the answers; write the report under another name")
    found = read_answers(answers)
    if found.torn_line is not None:
        click.echo(f"{answers}, line {found.torn_line}: incomplete, skipped", err=True)
    report = score_answers(found, draws=DRAWS, seed=seed)
    write_json(out, report)
    click.echo(survey_table(report))
    click.echo(out, err=True)
