"""Evaluate stage: metrics with intervals, tables, contact sheets, report page. Run it by `dvc repro evaluate`."""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.evaluation.evaluate import evaluate, load_scorers
from atelier.evaluation.origin import describe_origin
from atelier.report.gather import ReportInputs, gather_page
from atelier.report.page import write_page
from atelier.report.write import Outputs, write_evaluation


@command.stage
@command.params_option
@command.path_option("probes", "Probes (parquet) from the pair stage.")
@command.path_option("zones", "Zones of the probes (parquet) from the mask stage.")
@command.path_option("triplets", "Triplets (parquet) that the fine-tuned editor was trained on.")
@command.path_option("triplet-zones", "Their zones (parquet) from the mask stage.")
@command.path_option("baseline", "Edits of the base editor (parquet) from the generate stage.")
@command.path_option("finetuned", "Edits of the fine-tuned editor (parquet) from the generate stage.")
@command.path_option("curves", "Learning curves (folder) from the train stage.")
@command.path_option("trained", "Report (JSON) of the train stage.")
@command.path_option("ablations", "Results of `make ablations` (CSV).")
@command.path_option("methods", "Results of `make methods` (CSV).")
@command.output_option("report", "Metrics to write (JSON).")
@command.output_option("headline", "Headline numbers for `dvc metrics diff` to write (JSON).")
@command.output_option("tables", "Folder of tables to write.", folder=True)
@command.output_option("sheets", "Folder of contact sheets and figures to write.", folder=True)
@command.output_option("page", "Report page to write (HTML).")
def main(params: Path, probes: Path, zones: Path, baseline: Path, finetuned: Path, page: Path, **paths: Path) -> None:
    """Compare the edits of the baseline and of the fine-tuned editor with exact targets, named colours and sources."""
    settings = read_params(params)
    data = [paths.pop("triplets"), paths.pop("triplet_zones"), probes, zones]
    inputs = [*data, baseline, finetuned]
    set_deterministic(settings.models.deterministic)
    set_threads(settings.models.threads)
    out = Outputs(**{name: paths.pop(name) for name in ("report", "headline", "tables", "sheets")})
    with tracking.run("evaluate", dict(settings), inputs, [*vars(out).values(), page], child_of=finetuned) as record:
        edits, scorers = {"baseline": baseline, "finetuned": finetuned}, load_scorers(settings.models)
        result = evaluate(probes, zones, edits, scorers, settings.evaluate, settings.models.editor)
        result.report["origin"] = describe_origin(data, settings.models, settings.generate)
        gathered = gather_page(result, ReportInputs(**paths), settings, inputs)
        write_evaluation(result, settings.evaluate, out, gathered.ablations, gathered.methods)
        write_page(page, gathered)
        record.log_report(result.report)
        for made in (out.tables, out.sheets, page):
            record.log_artifact(made, made.stem)


if __name__ == "__main__":
    main()
