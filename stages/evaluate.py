"""Evaluate stage: metrics with intervals, tables, contact sheets, report page. Run it by `dvc repro evaluate`."""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.evaluation.evaluate import Inputs, evaluate, load_scorers, photographic_domains
from atelier.evaluation.origin import describe_origin
from atelier.evaluation.summary import headline
from atelier.metrics.registry import EDITORS
from atelier.report.gather import ReportInputs, gather_page
from atelier.report.page import write_page
from atelier.report.write import Outputs, write_evaluation


@command.stage
@command.params_option
@command.path_option("probes", "Probes (parquet) from the pair stage.")
@command.path_option("zones", "Zones of the probes (parquet) from the mask stage.")
@command.path_option("triplets", "Triplets (parquet) that the fine-tuned editor was trained on.")
@command.path_option("triplet-zones", "Their zones (parquet) from the mask stage.")
@command.path_option("tests", "Test triplets (parquet) from the pair stage.")
@command.path_option("baseline", "Edits of the base editor (parquet) from the generate stage.")
@command.path_option("finetuned", "Edits of the fine-tuned editor (parquet) from the generate stage.")
@command.path_option("baseline-tests", "The base editor's edits of the test triplets (parquet).")
@command.path_option("finetuned-tests", "The fine-tuned editor's edits of the test triplets (parquet).")
@command.path_option("curves", "Learning curves (folder) from the train stage.")
@command.path_option("trained", "Report (JSON) of the train stage.")
@command.path_option("ablations", "Results of `make ablations` (CSV).")
@command.path_option("methods", "Results of `make methods` (CSV).")
@command.output_option("report", "Metrics to write (JSON).")
@command.output_option("headline", "Headline numbers for `dvc metrics diff` to write (JSON).")
@command.output_option("tables", "Folder of tables to write.", folder=True)
@command.output_option("sheets", "Folder of contact sheets and figures to write.", folder=True)
@command.output_option("page", "Report page to write (HTML).")
def main(params: Path, page: Path, **paths: Path) -> None:
    """Compare the edits of the baseline and of the fine-tuned editor with exact targets, named colours and sources."""
    settings = read_params(params)
    inputs = Inputs(
        **{name: paths.pop(name) for name in ("probes", "zones", "tests", "triplet_zones")},
        edits={model: paths.pop(model) for model in EDITORS},
        test_edits={model: paths.pop(f"{model}_tests") for model in EDITORS},
        photographic=photographic_domains(settings.prepare),
    )
    data = [paths.pop("triplets"), inputs.triplet_zones, inputs.probes, inputs.zones]
    set_deterministic(settings.models.deterministic)
    set_threads(settings.models.threads)
    out = Outputs(**{name: paths.pop(name) for name in ("report", "headline", "tables", "sheets")})
    trained, written = inputs.edits["finetuned"], [*vars(out).values(), page]
    with tracking.run("evaluate", dict(settings), inputs.paths, written, child_of=trained) as record:
        result = evaluate(inputs, load_scorers(settings.models), settings.evaluate, settings.models.editor)
        result.report["origin"] = describe_origin(data, settings.models, settings.generate)
        gathered = gather_page(result, ReportInputs(**paths), settings, inputs.paths)
        write_evaluation(result, settings.evaluate, out, gathered.ablations, gathered.methods)
        write_page(page, gathered)
        record.log_report(result.report, headline(result.report))
        for made in (out.tables, out.sheets, page):
            record.log_artifact(made, made.stem)


if __name__ == "__main__":
    main()
