"""Score all edits and write the output folder: scores.csv, summary.json, summary.csv, sheet.png and index.html."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from atelier.common.errors import RefusedError, row_boundary
from atelier.common.files import atomic_write, write_text
from atelier.common.notices import notice
from atelier.common.values import printable
from atelier.config import Models
from atelier.masks.predict import Search, make_search
from atelier.metrics.clip import ClipScorer
from atelier.metrics.lpips import Lpips
from atelier.models.loading import choose_device
from atelier.scoring.edits import Networks, Scorer
from atelier.scoring.gallery import SHOWN, Shown, add, draw_sheet, show
from atelier.scoring.masks import find_mask
from atelier.scoring.measures import MEASURES
from atelier.scoring.page import write_page
from atelier.scoring.pictures import Sources, open_edit, open_sources
from atelier.scoring.rows import Listed, Refusal, Row
from atelier.scoring.summary import FACTS, Report, summarise, summary_table, why_left_out
from atelier.stats.tables import to_csv

NONE = "none"  # instead of a network: its measures are left out
NOT_FOUND = "no garment found: what needs a mask is left out"


@dataclass
class Results:
    """What was scored so far."""

    scores: list[dict[str, object]] = field(default_factory=list)  # FACTS and measures of each edit
    shown: list[Shown] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def load_networks(models: Models) -> tuple[Networks, Search | None]:
    """Load CLIP and LPIPS; the segmenter is loaded when a row has no mask. `none` leaves one out.

    Raises:
        UserError: one cannot be loaded.
    """
    device = choose_device(models.device)
    clip = None if models.clip == NONE else ClipScorer.load(models.clip, device)
    lpips = None if models.lpips == NONE else Lpips.load(models.lpips, device)
    return Networks(clip, lpips, device), None if models.segmenter == NONE else make_search(models)


def score_all(listed: Listed, networks: Networks, search: Search | None, tell: Callable[[Refusal], None]) -> Results:
    """Score every edit.

    Args:
        search: finds the masks of rows that have none; None: they are scored without.
        tell: is called with each row or edit that cannot be scored, as soon as that is known.
    """
    results = Results()
    for refusal in listed.refused:
        _refuse(refusal, results, tell)
    edits = sum(len(row.edits) for row in listed.rows)
    with tqdm(total=edits, desc="score", unit="edit", disable=None) as progress:
        for row in listed.rows:
            try:
                with row_boundary():
                    sources = open_sources(row)
            except RefusedError as refused:
                _refuse(Refusal(row.where, str(refused)), results, tell)
            else:
                for refusal in _score_row(row, sources, networks, search, results):
                    _refuse(refusal, results, tell)
            progress.update(len(row.edits))
    return results


def _refuse(refusal: Refusal, results: Results, tell: Callable[[Refusal], None]) -> None:
    results.refused.append(refusal)
    tell(refusal)


def _score_row(
    row: Row, sources: Sources, networks: Networks, search: Search | None, results: Results
) -> Iterator[Refusal]:
    """Add the scores of a row's edits to the results; yield those that cannot be scored."""
    mask, origin = _choose_mask(row, sources, search)
    scorer = Scorer(row, sources, mask, networks)
    shown = show(row.where, row.instruction, sources.source, mask, sources.target)
    for editor, path in row.edits.items():
        try:
            with row_boundary():
                pixels, _ = open_edit(path, sources)
        except RefusedError as refused:
            yield Refusal(row.where, str(refused), editor)
            continue
        scores = scorer.score(pixels)
        names = (printable(str(one)) for one in (row.source, path))
        facts = (row.where, next(names), editor, next(names), row.instruction, origin, *sources.size)
        results.scores.append(dict(zip(FACTS, facts, strict=True)) | scores)
        if len(results.shown) < SHOWN:
            add(shown, editor, pixels, scores)
    if shown.edits:
        results.shown.append(shown)


def _choose_mask(row: Row, sources: Sources, search: Search | None) -> tuple[np.ndarray | None, str]:
    """Return the mask of a row, given or found, and which of the two it is; "": there is none."""
    if sources.mask is not None or search is None:
        return sources.mask, "given" if sources.mask is not None else ""
    found = find_mask(search, sources.source, row.instruction)
    if found is None:
        notice(f"{row.where}: {NOT_FOUND}")
    return found, "" if found is None else "found"


def report_on(
    results: Results, editors: Sequence[str], networks: Networks, models: Models
) -> tuple[pd.DataFrame, Report]:
    """Return the table of scores and the summary, with what was left out, what was not scored, and the networks.

    Args:
        results: of at least one edit.
    """
    scores = pd.DataFrame(results.scores, columns=[*FACTS, *MEASURES])
    off = [role for role, one in (("clip", networks.clip), ("lpips", networks.lpips)) if one is None]
    report = summarise(scores, editors)
    report["left_out"] = why_left_out(scores, off)
    report["masks"] = {name: int((scores["mask"] == name).sum()) for name in ("given", "found")}
    report["not_scored"] = [str(one) for one in results.refused]
    used = {"clip": networks.clip.name if networks.clip else "", "lpips": networks.lpips.name if networks.lpips else ""}
    report["networks"] = used | {"segmenter": models.segmenter if report["masks"]["found"] else ""}
    return scores, report


def write_results(folder: Path, results: Results, scores: pd.DataFrame, report: Report) -> list[Path]:
    """Write the output folder; return the files. Each is complete or not there."""
    files = [folder / name for name in ("scores.csv", "summary.csv", "summary.json", "sheet.png", "index.html")]
    write_text(files[0], to_csv(scores))
    write_text(files[1], to_csv(summary_table(report)))
    write_text(files[2], json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    with atomic_write(files[3]) as partial:
        Image.fromarray(draw_sheet(results.shown, list(report["editors"]))).save(partial, "PNG")
    write_page(files[4], report, results.shown, report["not_scored"])
    return files
