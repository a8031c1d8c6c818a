"""Edits → measures with intervals, tables, contact sheets. Run by DVC; by hand: `dvc repro evaluate`."""

from pathlib import Path

import stages  # isort: skip (puts this checkout's src first)

from atelier import tracking
from atelier.config import read_params
from atelier.evaluating import evaluate, load_scorers, write_evaluation


@stages.command
@stages.params
@stages.path("probes", "Probes (parquet), out of pair.")
@stages.path("zones", "Their zones (parquet), out of mask.")
@stages.path("baseline", "Edits of the base editor (parquet), out of generate.")
@stages.path("finetuned", "Edits of the fine-tuned editor (parquet), out of generate.")
@stages.path("report", "Measures to write (JSON).")
@stages.path("tables", "Folder of tables to write.")
@stages.path("sheets", "Folder of pictures to write.")
def main(
    params: Path, probes: Path, zones: Path, baseline: Path, finetuned: Path, report: Path, tables: Path, sheets: Path
) -> None:
    """Measure baseline and fine-tuned edits against the exact target, the named colour and the untouched input."""
    settings = read_params(params)
    models, outputs = settings.models, [report, tables, sheets]
    sections = {"models": models, "evaluate": settings.evaluate}
    with tracking.run(
        "evaluate", sections, [probes, zones, baseline, finetuned], outputs, child_of=finetuned
    ) as record:
        edits = {"baseline": baseline, "finetuned": finetuned}
        result = evaluate(probes, zones, edits, load_scorers(models), settings.evaluate, models.editor)
        write_evaluation(result, settings.evaluate, *outputs)
        record.log_report(result.report)
        for folder in (tables, sheets):
            record.log_artifact(folder, folder.name)


if __name__ == "__main__":
    main()
