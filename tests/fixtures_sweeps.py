"""The fabricated study with all that `generate` adds to it: a sweep whose edits grow with s_T, and no-ops."""

from functools import lru_cache

import numpy as np
from fixtures_edits import Study

from atelier.config import Generate
from atelier.images import from_png, to_png
from atelier.records import Edit
from atelier.sweeps import NOOP, plan_edits

GENERATE = Generate(
    steps=2, guidance_text=1.2, guidance_image=1.0, sweep_probes=4, sweep_text="0.4+1.2+2.0", sweep_image="1.0",
    batch_size=16, seed=7,
)  # fmt: skip
NOOP_CHANGE = {"baseline": 12, "finetuned": 2}  # levels of 255 that each model moves a picture by, asked for nothing


@lru_cache(maxsize=4)
def _pixels(png: bytes) -> np.ndarray:
    return from_png(png).astype(float)


def sweep_edits(study: Study) -> dict[str, list[Edit]]:
    """Every planned edit of both models: at s_T a share s_T / 1.2 of the usual edit, at most 1.3 of it."""
    made = {}
    for model, rows in study.edits.items():
        usual = {edit.probe_id: edit.edited for edit in rows}
        made[model] = []
        for job in plan_edits(study.probes, GENERATE):
            source, edited = _pixels(job.probe.source), _pixels(usual[job.probe.probe_id])
            share = min(job.guidance[0] / GENERATE.guidance_text, 1.3)
            moved = source + NOOP_CHANGE[model] if job.kind == NOOP else source + share * (edited - source)
            png = usual[job.probe.probe_id] if job.kind == "edit" else to_png(np.clip(moved, 0, 255).astype(np.uint8))
            made[model].append(Edit(job.probe.probe_id, model, job.kind, *job.guidance, png))
    return made
