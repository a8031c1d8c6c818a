"""Write the tables of results and the sentences below them into README.md, from the reports of REPORTS.

Run it after `dvc repro` or `make pipeline DIR=studies/photographs`: `python scripts/update_readme.py`.
tests/architecture/test_results.py compares them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atelier.common.files import write_text
from atelier.metrics.registry import MODEL_TITLES, metric
from atelier.report.page.overview import summary

ROOT = Path(__file__).parents[1]
REPORTS = {  # name between the markers → report
    "drawings": Path("metrics/evaluate.json"),
    "photographs": Path("studies/photographs/metrics/evaluate.json"),
}
COLUMNS = ("copy", "baseline", "finetuned", "target")
KINDS = {"seen": "studio images", "unseen": "street images"}
SHOWN = {  # metric → decimals
    "leakage_share": 2, "leakage_share_raw": 2, "clip_directional": 1, "target_rmse": 3, "target_mae": 3,
}  # fmt: skip


def results(report: Mapping[str, Any]) -> str:
    """Return the table and the sentence; a metric that the report lacks has no row.

    Args:
        report: as metrics/evaluate.json.
    """
    domains = {name: report[name] for name in KINDS if name in report}
    probes = next(iter(domains.values()))
    prompts = probes["probes"] // probes["sources"]
    header = f"| {probes['sources']} images × {prompts} instructions per domain |"
    lines = [header + "".join(f" {MODEL_TITLES[model]} |" for model in COLUMNS), "|---|" + "---:|" * len(COLUMNS)]
    lines += [line for name, domain in domains.items() for line in _rows(name, domain)]
    return "\n".join([*lines, "", summary(domains)])


def _rows(name: str, domain: Mapping[str, Any]) -> Iterator[str]:
    lead = f"**{name}** ({KINDS[name]}): "
    for key, decimals in SHOWN.items():
        if all(key in domain[model] for model in COLUMNS):
            cells = [f"{domain[model][key]['mean']:.{decimals}f}" for model in COLUMNS]
            one = metric(key)
            yield f"| {lead}{one.title}, {one.unit or '0–1'} {one.arrow} | {' | '.join(cells)} |"
            lead = ""


def markers(name: str) -> tuple[str, str]:
    """Return the lines between which the results of one of REPORTS stand."""
    return f"<!-- {name}: scripts/update_readme.py -->", f"<!-- end of {name} -->"


def read_reports() -> dict[str, Any]:
    """Return the content of REPORTS by name."""
    return {name: json.loads((ROOT / path).read_text(encoding="utf-8")) for name, path in REPORTS.items()}


def update(readme: str, reports: Mapping[str, Any]) -> str:
    """Return the README with the results between the markers of each report replaced."""
    for name, report in reports.items():
        start, end = markers(name)
        before, _, rest = readme.partition(start)
        readme = f"{before}{start}\n{results(report)}\n{end}{rest.partition(end)[2]}"
    return readme


if __name__ == "__main__":
    write_text(ROOT / "README.md", update((ROOT / "README.md").read_text(encoding="utf-8"), read_reports()))
