"""`atelier judge`: ask models which of two pictures is better."""

from pathlib import Path

import click

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.options import FREE_TEXT, OUT_FOLDER, PATH, TEXT, Number, check_output

REPORT, ANSWERS, CACHE = "report.json", "answers.jsonl", "cache"


@click.command(cls=Command)
@click.argument("pairs", type=PATH)
@click.option(
    "--url", required=True, type=TEXT, help="Address of an OpenAI-compatible server: http(s)://HOST[:PORT][/v1]."
)
@click.option(
    "--model", "models", required=True, multiple=True, type=TEXT, help="Model name on the server; repeatable."
)
@click.option(
    "--out", required=True, type=OUT_FOLDER, help="Folder to write report.json, answers.jsonl and the cache to."
)
@click.option("--answers", type=PATH, help="People's answers from `atelier survey` to compare with.")
@click.option(
    "--question", type=FREE_TEXT, help="Question to ask the models.  [default: Which picture looks more natural?]"
)
@click.option(
    "--timeout", type=Number(0, 86_400, min_open=True), default=60.0, help="Seconds for a request and its whole reply."
)
def judge(
    pairs: Path,
    url: str,
    models: tuple[str, ...],
    out: Path,
    answers: Path | None,
    question: str | None,
    timeout: float,
) -> None:
    """Ask models which picture of each pair in PAIRS is better, and measure how reliable their answers are.

    PAIRS is the same file as for `atelier survey`. The pictures are sent to the server. If the server requires a key,
    set the environment variable ATELIER_JUDGE_KEY. Replies are cached in --out, so that no request is sent twice. Each
    pair is asked in both orders; it counts as a tie unless both orders agree. docs/preferences.md explains the figures.

    \b
    Examples:
      atelier judge pairs.csv --url http://localhost:8000 --model qwen2.5-vl --out judged
      atelier judge pairs.csv --url http://localhost:8000 --model one --model two --out judged --answers answers.jsonl
    """
    from tqdm import tqdm

    from atelier.common.files import write_json, write_text
    from atelier.preferences.answers import read_answers
    from atelier.preferences.client import Client, endpoint, read_key
    from atelier.preferences.judge import judge_pairs, majority_of_people, report_judges
    from atelier.preferences.pairs import read_pairs
    from atelier.preferences.survey import check_question
    from atelier.preferences.tables import judge_table

    for name, is_folder in ((REPORT, False), (ANSWERS, False), (CACHE, True)):
        check_output(out / name, folder=is_folder)
    client = Client(endpoint(url), out / CACHE, read_key(), timeout)
    chosen = list(dict.fromkeys(name.strip() for name in models))
    if not all(chosen):
        raise UserError("--model: the name is empty; use the model's name on the server")
    asked, listed = check_question(question), read_pairs(pairs)
    people = majority_of_people(read_answers(answers), listed, asked) if answers else None
    with tqdm(desc="judge", total=2 * len(listed) * len(chosen), unit="reply", disable=None) as progress:
        rows = []
        for model in chosen:
            for row in judge_pairs(client, model, listed, asked):
                rows.append(row)
                progress.update()
    write_text(out / ANSWERS, "".join(row.model_dump_json(exclude_none=True) + "\n" for row in rows))
    report = report_judges(rows, people)
    write_json(out / REPORT, report)
    click.echo(judge_table(report))
    click.echo(out / REPORT, err=True)
