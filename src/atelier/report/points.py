"""What the frontier and share figures draw, as points: for the page's SVG and for the PNGs alike."""

from collections.abc import Mapping

import pandas as pd


def non_dominated(points: pd.DataFrame) -> list[tuple[float, float]]:
    """(preservation, success) of the settings that no other beats in both, from the most preserving on.

    Args:
        points: columns success and preservation, higher is better; rows with NaN are left out.
    """
    best, kept = float("-inf"), []
    known = points[["preservation", "success"]].dropna()
    for preservation, success in sorted(known.itertuples(index=False, name=None), reverse=True):
        if success > best:
            best = success
            kept.append((preservation, success))
    return kept


def staircase(points: pd.DataFrame) -> list[tuple[float, float]]:
    """Corners (preservation, success) of the frontier F, whose area is measured, from its most preserving end to 0.

    F(v) is the best success of the settings that preserve at least v (`measures.frontier.area`).
    """
    corners, height = [], 0.0
    for preservation, success in non_dominated(points):
        corners += [(preservation, height), (preservation, success)]
        height = success
    return [*corners, (0.0, height)]


def share_points(
    ablations: pd.DataFrame | None, methods: pd.DataFrame | None, baselines: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """Trained share against gain over the baseline, a row per configuration and domain.

    Args:
        ablations: `metrics/ablations.csv`: config, domain, trained_share and measures.
        methods: `metrics/methods.csv`: experiment, domain, trained_share and measures.
        baselines: domain → measure → the baseline's mean; a domain without one is left out.

    Returns columns label, group (ablation, method), domain, trained_share, and a gain (configuration − baseline) per
    measure of the baselines.
    """
    rows = []
    for table, key, group in ((ablations, "config", "ablation"), (methods, "experiment", "method")):
        for record in [] if table is None else table.to_dict("records"):
            base = baselines.get(record["domain"])
            if base is None or record[key] == "baseline":
                continue
            gains = {measure: record[measure] - value for measure, value in base.items() if measure in record}
            facts = {"label": record[key], "group": group, "domain": record["domain"]}
            rows.append(facts | {"trained_share": record["trained_share"]} | gains)
    return pd.DataFrame(rows)


def baselines_of(ablations: pd.DataFrame, measures: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """domain → measure → the mean in the ablations' baseline rows."""
    rows = ablations[ablations["config"] == "baseline"].set_index("domain")
    return {str(domain): {m: float(row[m]) for m in measures if m in rows} for domain, row in rows.iterrows()}
