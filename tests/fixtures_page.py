"""A report page's data with everything in it: rendered edits, made-up scores, a caption of HTML."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fixtures_edits import Study

from atelier.cases import join_samples
from atelier.measures.registry import MODELS
from atelier.report.page import PageData

HTML = """<img src=x onerror="document.body.dataset.ran = 'yes'">"""
MEANS = {  # measure → baseline, fine-tuned
    "clip_directional": (60.0, 70.0), "clip_similarity": (55.0, 66.0), "lpips": (2.0, 1.2), "ssim": (0.5, 0.7),
    "lpips_outside": (1.3, 0.3), "leakage_share": (0.7, 0.25), "target_rmse": (0.14, 0.07), "delta_e": (6.0, 5.0),
    "right_garment": (1.0, 1.0), "change_inside": (0.3, 0.2), "pattern_recognised": (1.0, 1.0),
}  # fmt: skip


def fabricate_scores(study: Study) -> pd.DataFrame:
    """A row per probe and model; the fine-tuned editor's fail at intervals, in every way, and one score is missing."""
    rng, rows = np.random.default_rng(3), []
    for model in MODELS:
        for number, probe in enumerate(study.probes):
            column = 0 if model == "baseline" else 1
            scores = {name: means[column] * (1 + 0.1 * rng.normal()) for name, means in MEANS.items()}
            scores |= {
                "right_garment": 0.0 if number % 9 == 4 else 1.0,
                "change_inside": 0.01 if number % 8 == 3 else 0.2,
            }
            scores["pattern_recognised"] = float(number % 5 > 0) if probe.factor == "pattern" else np.nan
            scores["delta_e"] = (15.0 if number % 3 == 1 else 4.0) if probe.factor == "colour" else np.nan
            scores["leakage_share"] = np.nan if number == 7 else scores["leakage_share"] + 0.4 * (number % 6 == 2)
            facts = {name: getattr(probe, name) for name in ("probe_id", "domain", "source_id", "prompt", "factor")}
            rows.append(facts | {"model": model} | scores)
    return pd.DataFrame(rows)


def cell(mean: float, spread: float, **more: float) -> dict[str, Any]:
    return {"mean": mean, "ci_lo": mean - spread, "ci_hi": mean + spread, **more, "n": 24, "clusters": 6}


def fabricate_report(scores: pd.DataFrame) -> dict[str, Any]:
    report: dict[str, Any] = {"networks": {"clip": "a/clip", "lpips": "a/features <trained>"}, "probes_without_zone": 0}
    for domain, part in scores.groupby("domain"):
        means = part.groupby("model")[list(MEANS)].mean()
        cells = {model: {name: cell(means.loc[model, name], 0.02) for name in MEANS} for model in MODELS}
        gains = {name: means.loc["finetuned", name] - means.loc["baseline", name] for name in MEANS}
        tests = {
            name: cell(gain, abs(gain) * 2 if name == "delta_e" else 0.01, p=1e-4, p_holm=1e-3)
            for name, gain in gains.items()
        }
        report[str(domain)] = cells | {
            "probes": 24, "sources": 6, "rendered": True, "gain": tests,
            "oracles": {"picture_tint": cells["baseline"], "other_item": cells["copy"]},
            "noop": {model: {"lpips": cell(0.2, 0.1)} for model in ("baseline", "finetuned")},
            "colour": {"gain": {"delta_e": tests["delta_e"]}}, "pattern": {"gain": {"lpips": tests["lpips"]}},
            "frontier": {"baseline": {"area": cell(0.6, 0.1)}, "finetuned": {"area": cell(0.7, 0.1)},
                         "gain": {"area": cell(0.1, 0.05, p=0.01)}},
        }  # fmt: skip
    return report


def build_page_data(study: Study) -> PageData:
    """Data for every section. The first probe's caption and the last prompt's wording are HTML."""
    scores = fabricate_scores(study)
    cases = join_samples(study.probes, study.zones, study.edits)
    cases[0] = replace(cases[0], probe=replace(cases[0].probe, source_caption=HTML, garment="<b>shirt</b>"))
    last = study.probes[-1].probe_id
    cases[-1] = replace(cases[-1], probe=replace(cases[-1].probe, prompt=HTML))
    scores.loc[scores["probe_id"] == last, "prompt"] = HTML
    points = [(domain, model, text, image, 0.5 + 0.1 * text * lift, 0.9 - 0.1 * text / image, 24)
              for domain in ("seen", "unseen") for model, lift in (("baseline", 1.0), ("finetuned", 1.5))
              for text in (1.0, 2.0) for image in (1.0, 1.5)]  # fmt: skip
    columns = ["domain", "model", "guidance_text", "guidance_image", "success", "preservation", "n"]
    losses = {f"{kind}_loss_{epoch}": 0.1 / epoch for kind in ("train", "val") for epoch in (1, 2)}
    ablations = [
        {"config": name, "domain": domain, "trained_share": share, "clip_directional": 60 + 10 * share, "lpips": 1.0,
         "leakage_share": 0.7 - share / 2} | (losses if share else {})
        for domain in ("seen", "unseen") for name, share in (("baseline", 0.0), ("A", 0.3), ("B", 0.3), ("D", 0.7))
    ]  # fmt: skip
    methods = [
        {"experiment": name, "domain": domain, "trained_share": share, "clip_directional": 69.0, "leakage_share": 0.3,
         "seconds_per_step": 0.1} for domain in ("seen", "unseen") for name, share in (("lora", 0.02), ("full", 1.0))
    ]  # fmt: skip
    return PageData(
        report=fabricate_report(scores), scores=scores, cases=cases, frontier=pd.DataFrame(points, columns=columns),
        ablations=pd.DataFrame(ablations), methods=pd.DataFrame(methods),
        epochs=pd.DataFrame({"epoch": [0, 1, 2], "val_loss": [0.3, 0.2, 0.1], "val_tight": [0.3, 0.2, 0.2]}),
        steps=pd.DataFrame({"step": [1, 2, 3, 4], "loss": [0.4, 0.3, 0.2, 0.1]}),
        trained={"trained_parameters": 1234, "trained_share": 0.3, "steps": 4, "epochs": 2, "best_epoch": 2},
        params={"train": {"lr": 1e-3, "loss": "trimap"}, "pair": {"seed": 7}}, digests={"code": "ab" * 32},
    )  # fmt: skip


@pytest.fixture(scope="session")
def page_data(study: Study) -> PageData:
    return build_page_data(study)
