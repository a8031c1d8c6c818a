"""Edits → measures with intervals, tables, contact sheets, a page. Run by DVC; by hand: `dvc repro evaluate`."""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.evaluation.evaluate import Written, evaluate, load_scorers, write_evaluation
from atelier.report.gather import Beside, gather_page
from atelier.report.page import write_page


@command.stage
@command.params_option
@command.path_option("probes", "Probes (parquet), out of pair.")
@command.path_option("zones", "Their zones (parquet), out of mask.")
@command.path_option("baseline", "Edits of the base editor (parquet), out of generate.")
@command.path_option("finetuned", "Edits of the fine-tuned editor (parquet), out of generate.")
@command.path_option("curves", "Curves (folder), out of train.")
@command.path_option("trained", "Report (JSON), out of train.")
@command.path_option("ablations", "Results of `make ablations` (CSV).")
@command.path_option("methods", "Results of `make methods` (CSV).")
@command.path_option("report", "Measures to write (JSON).")
@command.path_option("headline", "The few that `dvc metrics diff` shows (JSON).")
@command.path_option("tables", "Folder of tables to write.")
@command.path_option("sheets", "Folder of pictures to write.")
@command.path_option("page", "Page to write (HTML).")
def main(params: Path, probes: Path, zones: Path, baseline: Path, finetuned: Path, page: Path, **paths: Path) -> None:
    """Measure baseline and fine-tuned edits against the exact target, the named colour and the untouched input."""
    settings, inputs = read_params(params), [probes, zones, baseline, finetuned]
    set_threads(settings.models.threads)
    out = Written(**{name: paths.pop(name) for name in ("report", "headline", "tables", "sheets")})
    with tracking.run("evaluate", dict(settings), inputs, [*vars(out).values(), page], child_of=finetuned) as record:
        edits, scorers = {"baseline": baseline, "finetuned": finetuned}, load_scorers(settings.models)
        result = evaluate(probes, zones, edits, scorers, settings.evaluate, settings.models.editor)
        gathered = gather_page(result, Beside(**paths), settings, inputs)
        write_evaluation(result, settings.evaluate, out, gathered.ablations, gathered.methods)
        write_page(page, gathered)
        record.log_report(result.report)
        for made in (out.tables, out.sheets, page):
            record.log_artifact(made, made.stem)


if __name__ == "__main__":
    main()
