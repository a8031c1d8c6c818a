"""Write the table of results and the sentence below it into README.md, from metrics/evaluate.json.

Run it after `dvc repro`: `python scripts/update_readme.py`. tests/architecture/test_readme.py compares the two.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atelier.common.files import write_text
from atelier.metrics.registry import MODEL_TITLES, metric
from atelier.report.page.overview import summary

ROOT = Path(__file__).parents[1]
START, END = "<!-- results: scripts/update_readme.py -->", "<!-- end of results -->"
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


def update(readme: str, report: Mapping[str, Any]) -> str:
    """Return the README with the results between its two markers replaced."""
    return re.sub(f"(?s){START}.*?{END}", lambda _: f"{START}\n{results(report)}\n{END}", readme)


if __name__ == "__main__":
    found = json.loads((ROOT / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
    write_text(ROOT / "README.md", update((ROOT / "README.md").read_text(encoding="utf-8"), found))
