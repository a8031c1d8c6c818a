"""Tables over several runs, row by row: update some rows and keep the others; leave out what cannot be compared.

Every row has the origin of its values (`evaluation.origin`) in the columns of ORIGIN_COLUMNS. Rows of one origin have
their own baseline rows, named "baseline". Rows without these columns are of unknown origin.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atelier.common.errors import UserError
from atelier.evaluation.origin import ORIGIN
from atelier.report.format import listed

BASELINE = "baseline"
ORIGIN_COLUMNS = {key: f"origin_{key}" for key in ORIGIN}


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of runs.

    Raises:
        UserError: the file is missing or is no such table.
    """
    texts = ["config", "experiment", *ORIGIN_COLUMNS.values()]  # a name or a digest of digits alone is no number
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    if "domain" not in table:
        raise UserError(f"{path}: has no column domain; expected a table that `atelier` wrote")
    return table


def origin_cells(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of a row's origin from a report of the evaluate stage; empty where it has none."""
    return {column: report.get("origin", {}).get(key, "") for key, column in ORIGIN_COLUMNS.items()}


def with_origin(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with all columns of the origin, as text."""
    known = {name: table[name].fillna("").astype(str) if name in table else "" for name in ORIGIN_COLUMNS.values()}
    return table.assign(**known)


def update_rows(old: pd.DataFrame, new: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Return a table in which the new rows replace the old ones of the same names.

    Baselines stay as long as a row of their origin does. Baselines come first, then the names in `order`, then all
    others in the order of the tables.

    Args:
        old, new: tables whose first column names the run; a name has a row per domain.
    """
    name = new.columns[0]
    old, new = with_origin(old), with_origin(new)
    columns = list(ORIGIN_COLUMNS.values())
    kept = old[~old[name].isin(set(new[name]) - {BASELINE})]
    used = set(kept.loc[kept[name] != BASELINE, columns].itertuples(index=False, name=None))
    replaced = set(new[columns].itertuples(index=False, name=None))
    origins = [tuple(row) for row in kept[columns].itertuples(index=False, name=None)]
    stays = [row != BASELINE or (one in used - replaced) for row, one in zip(kept[name], origins, strict=True)]
    table = pd.concat([kept[pd.Series(stays, kept.index, dtype=bool)], new], ignore_index=True)
    ranks = {one: rank for rank, one in enumerate(dict.fromkeys([BASELINE, *order, *table[name]]))}
    table = table.sort_values(name, key=lambda names: names.map(ranks), kind="stable", ignore_index=True)
    return table[[*new.columns, *(column for column in table.columns if column not in new.columns)]]


def keep_comparable(table: pd.DataFrame, origin: Mapping[str, str]) -> tuple[pd.DataFrame, str]:
    """Return the rows whose values can be compared with those of an evaluation, and a sentence on the others, if any.

    Args:
        origin: of the evaluation, as `evaluation.origin.describe_origin` returns it.
    """
    name, cells = table.columns[0], with_origin(table)
    unknown = (cells[[*ORIGIN_COLUMNS.values()]] == "").any(axis=1)
    differs = {key: ~unknown & (cells[column] != origin[key]) for key, column in ORIGIN_COLUMNS.items()}
    same = ~unknown & ~np.any([*differs.values()], axis=0)
    others = ~same & (cells[name] != BASELINE)
    if not others.any():
        return table[same], ""
    reasons = [words for key, words in ORIGIN.items() if (others & differs[key]).any()]
    reasons += ["inputs that the table does not record"] if (others & unknown).any() else []
    names = listed(list(dict.fromkeys(cells.loc[others, name])))
    return table[
        same
    ], f"Not shown, because this run cannot be compared with them: {names}, made with {_either(reasons)}."


def describe_others(table: pd.DataFrame) -> str:
    """Return a sentence on the runs of a table that cannot be compared with its last one; "" if all can."""
    name, cells = table.columns[0], with_origin(table)
    origins = cells[[*ORIGIN_COLUMNS.values()]].agg(" ".join, axis=1)
    others = cells.loc[(origins != origins.iloc[-1]) & (cells[name] != BASELINE), name]
    if others.empty:
        return ""
    return f"Made with other data, base or settings than {cells[name].iloc[-1]}: {listed(list(dict.fromkeys(others)))}."


def _either(items: Sequence[str]) -> str:
    return " or ".join(items)


def share_points(ablations: pd.DataFrame | None, methods: pd.DataFrame | None, metrics: Sequence[str]) -> pd.DataFrame:
    """Return the trained share and the gain over the same table's baseline, a row per configuration and domain.

    Args:
        ablations: `metrics/ablations.csv`: config, domain, trained_share and metrics; rows of one origin.
        methods: `metrics/methods.csv`: experiment, domain, trained_share and metrics; rows of one origin.

    Returns columns label, group (ablation, method), domain, trained_share, and a gain (configuration − baseline) per
    metric that the baseline has. A domain without a baseline row is left out.
    """
    rows = []
    for table, group in ((ablations, "ablation"), (methods, "method")):
        if table is None:
            continue
        name, baselines = table.columns[0], baselines_of(table, metrics)
        for record in table[table[name] != BASELINE].to_dict("records"):
            base = baselines.get(record["domain"])
            if base is not None:
                gains = {metric: record[metric] - value for metric, value in base.items()}
                facts = {"label": record[name], "group": group, "domain": record["domain"]}
                rows.append(facts | {"trained_share": record["trained_share"]} | gains)
    return pd.DataFrame(rows, columns=None if rows else ["label", "group", "domain", "trained_share"])


def baselines_of(table: pd.DataFrame, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return domain → metric → the mean in a table's baseline rows, for the metrics that the table has."""
    rows = table[table.iloc[:, 0] == BASELINE].set_index("domain")
    return {str(domain): {m: float(row[m]) for m in metrics if m in rows} for domain, row in rows.iterrows()}
