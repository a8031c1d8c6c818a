"""Edits → measures with intervals, tables, contact sheets, a page. Run by DVC; by hand: `dvc repro evaluate`."""

from pathlib import Path

import stages  # isort: skip (puts this checkout's src first)

from atelier import tracking
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.evaluation.evaluate import Written, evaluate, load_scorers, write_evaluation
from atelier.report.gather import Beside, gather_page
from atelier.report.page import write_page


@stages.command
@stages.params
@stages.path("probes", "Probes (parquet), out of pair.")
@stages.path("zones", "Their zones (parquet), out of mask.")
@stages.path("baseline", "Edits of the base editor (parquet), out of generate.")
@stages.path("finetuned", "Edits of the fine-tuned editor (parquet), out of generate.")
@stages.path("curves", "Curves (folder), out of train.")
@stages.path("trained", "Report (JSON), out of train.")
@stages.path("ablations", "Results of `make ablations` (CSV).")
@stages.path("methods", "Results of `make methods` (CSV).")
@stages.path("report", "Measures to write (JSON).")
@stages.path("headline", "The few that `dvc metrics diff` shows (JSON).")
@stages.path("tables", "Folder of tables to write.")
@stages.path("sheets", "Folder of pictures to write.")
@stages.path("page", "Page to write (HTML).")
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
