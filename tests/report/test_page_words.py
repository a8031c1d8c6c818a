"""What the report page says: kinds of failure, which differences it claims, numbers, points of figures."""

import numpy as np
import pandas as pd
import pytest

from atelier.metrics import frontier
from atelier.metrics.registry import MODELS
from atelier.report import comparable, figures
from atelier.report.format import figure, heading, interval_of, listed, percent, probability
from atelier.report.page.answer import sentence, verdict, worse_by_prompt
from atelier.report.page.gallery import KINDS, NONE, failures
from atelier.report.page.overview import summary
from atelier.stats.figure import make_panels
from atelier.stats.tables import DASH

ALL_BAD = {"leakage_share": 1, "right_garment": 0, "change_inside": 0, "delta_e": 99, "pattern_recognised": 0}
BETTER = {"mean": 2.0, "ci_lo": 1.0, "ci_hi": 3.0, "p_holm": 0.01}


@pytest.mark.parametrize(
    ("scores", "kinds"),
    [
        ({"leakage_share": 0.51}, ["leaked"]), ({"right_garment": 0.0}, ["wrong garment"]),
        ({"leakage_share": 0.5, "right_garment": 1.0, "delta_e": 10.0, "change_inside": 0.05}, [NONE]),
        ({"change_inside": 0.049}, ["nothing changed"]), ({"pattern_recognised": 0.0}, ["pattern not recognised"]),
        ({"delta_e": 10.1, "leakage_share": 0.9}, ["leaked", "wrong colour"]), ({"pattern_recognised": 1.0}, [NONE]),
        (dict.fromkeys(ALL_BAD, np.nan), [NONE]), ({}, [NONE]), (ALL_BAD, list(KINDS)),
    ],
)  # fmt: skip
def test_failure_kinds(scores, kinds):
    assert failures(scores) == kinds


@pytest.mark.parametrize(
    ("measure", "change", "expected"),
    [
        ("clip_directional", {}, "better"),
        ("leakage_share", {}, "worse"),  # lower is better
        ("leakage_share", {"mean": -2.0, "ci_lo": -3.0, "ci_hi": -1.0}, "better"),
        ("clip_directional", {"ci_lo": -0.1}, "open"),
        ("clip_directional", {"ci_lo": 0.0}, "open"),
        ("clip_directional", {"p_holm": 0.05}, "open"),
        ("clip_directional", {"p_holm": np.nan}, "open"),
        ("image_similarity", {}, "open"),  # neither direction is better
    ],
)
def test_a_claim_needs_interval_holm_and_direction(measure, change, expected):
    assert verdict(measure, BETTER | change) == expected


def test_the_sentence_claims_only_what_holds():
    cells = {"clip_directional": {"mean": 60.0}, "leakage_share": {"mean": 0.5}}
    domain = {
        "probes": 24, "sources": 6, "rendered": True, "baseline": cells,
        "finetuned": {"clip_directional": {"mean": 62.0}, "leakage_share": {"mean": 2.5}},
        "gain": {"clip_directional": BETTER, "leakage_share": BETTER, "delta_e": BETTER | {"ci_lo": -1.0}},
    }  # fmt: skip
    text = sentence("unseen", domain)
    assert "24 edits of 6 rendered images" in text
    assert "improved CLIP directional similarity (60.00 → 62.00);" in text
    assert "worsened leakage above the floor (0.500 → 2.500);" in text
    assert text.endswith("no difference is shown in ΔE2000 to the named colour.")
    assert "no key metric was measured" in sentence("seen", domain | {"gain": {}})


WORSE, LOWER = {"mean": 0.37, "ci_lo": 0.05, "ci_hi": 0.7}, {"mean": -2.0, "ci_lo": -3.0, "ci_hi": -1.0}


@pytest.mark.parametrize(
    ("gains", "worse"),
    [
        ({"red": {"delta_e": WORSE}}, {"red": ["delta_e"]}),  # lower is better; no correction needed
        ({"red": {"delta_e": WORSE | {"ci_lo": 0.0}}}, {}),
        ({"red": {"delta_e": LOWER, "clip_directional": LOWER}, "dots": {"pattern_recognised": LOWER}},
         {"red": ["clip_directional"], "dots": ["pattern_recognised"]}),
        ({"red": {"hue_error": WORSE, "image_similarity": LOWER}}, {}),  # not key metrics
        ({}, {}),
    ],
)  # fmt: skip
def test_what_got_worse_for_a_prompt_is_named_if_its_interval_excludes_zero(gains, worse):
    domain = {
        "probes": 8,
        "sources": 2,
        "gain": {},
        "prompts": {prompt: {"gain": part} for prompt, part in gains.items()},
    }
    assert worse_by_prompt(domain) == worse
    first = summary({"seen": domain | {"gain": {"delta_e": BETTER | {"ci_lo": -1.0}}}})
    assert all(f"“{prompt}” (seen)" in first for prompt in worse)
    assert ("of single instructions" in first) is bool(worse)
    text = sentence("seen", domain)
    assert all(f"“{prompt}”" in text for prompt in worse)
    assert ("no single instruction" in text) is bool(gains and not worse)
    if worse.get("red") == ["delta_e"]:
        assert text.endswith("ΔE2000 to the named colour of “red” (+0.37, 95 % +0.05 … +0.70).")


def test_an_interval_without_a_width_shows_nothing():
    """The bootstrap over one source image draws that image again and again."""
    alone = {"mean": 0.4, "ci_lo": 0.4, "ci_hi": 0.4, "n": 4, "clusters": 1}
    assert [interval_of(alone | {"clusters": number}, 1) for number in (1, 2)] == ["one image", "0.4 … 0.4"]
    domain = {"probes": 4, "sources": 1, "rendered": False, "gain": {"delta_e": alone}}
    assert "in 4 edits of 1 real image, no difference is shown" in sentence("seen", domain)
    assert worse_by_prompt({"prompts": {"red": {"gain": {"delta_e": alone}}}}) == {}


def test_numbers_and_headings_with_unit_and_direction():
    assert [figure(-1.25, 1, signed=True), figure(0.5, 2, signed=True)] == ["−1.2", "+0.50"]
    assert [figure(-0.0001, 2), figure(0.0, 2, signed=True)] == ["0.00", "0.00"]
    assert {figure(value, 2) for value in (None, np.nan, np.inf)} == {DASH}
    assert [percent(0.2958), percent(None), percent(np.nan)] == ["29.6 %", DASH, DASH]
    expected = ["< 0.0001", "< 0.0001", "0.0012", "0.5", "1", DASH]
    assert [probability(p) for p in (1e-5, 9.999e-05, 0.00123, 0.5, 1.0, None)] == expected
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    keys = ("lpips_outside", "psnr", "change_inside", "some_new_one")
    expected = ["LPIPS outside the garment\u00a0↓", "PSNR, dB\u00a0↑", "change inside the garment", "some new one"]
    assert [heading(key) for key in keys] == expected


def test_the_frontier_is_the_non_dominated_settings_and_the_area_under_it_the_one_that_is_measured():
    rng = np.random.default_rng(0)
    points = pd.DataFrame(rng.integers(0, 6, (40, 2)) / 5, columns=["success", "preservation"])
    points.loc[len(points)] = [np.nan, 1.0]
    known = points.dropna().drop_duplicates()
    pairs = list(zip(known["preservation"], known["success"], strict=True))
    expected = [(x, y) for x, y in pairs if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in pairs)]
    assert figures.non_dominated(points) == sorted(expected, reverse=True)
    points = pd.DataFrame(np.random.default_rng(3).random((15, 2)), columns=["success", "preservation"])
    x, y = np.array(figures.staircase(points))[::-1].T
    assert np.trapezoid(y, x) == pytest.approx(frontier.area(*points.to_numpy().T))


def test_gains_are_against_the_baseline_of_the_same_domain(page_data):
    bases = comparable.baselines_of(page_data.ablations, ("clip_directional", "delta_e"))
    assert bases == {"seen": {"clip_directional": 60.0}, "unseen": {"clip_directional": 60.0}}
    methods = page_data.methods[page_data.methods["domain"] == "seen"]  # whose baseline is another than the ablations'
    points = comparable.share_points(page_data.ablations, methods, ["clip_directional"])
    assert list(points["label"]) == [*"ABD", *"ABD", "lora", "full"]
    assert list(points["clip_directional"]) == pytest.approx([3.0, 3.0, 7.0] * 2 + [10.0, 10.0])
    without = methods[methods["experiment"] != "baseline"]
    assert comparable.share_points(None, without, ["clip_directional"]).empty


def test_figures_draw_every_value(page_data):
    _, (frontiers, metrics) = make_panels(1, 2, 6, 3)
    seen = page_data.frontier[page_data.frontier["domain"] == "seen"]
    figures.draw_frontier(frontiers, seen)
    dots = np.concatenate([line.get_xydata() for line in frontiers.lines if line.get_linestyle() == "None"])
    np.testing.assert_array_equal(dots, seen[["preservation", "success"]])  # both have the baseline's first
    figures.draw_metric(metrics, page_data.domains, "leakage_share")
    estimates = [page_data.domains[name][model]["leakage_share"] for name in ("seen", "unseen") for model in MODELS]
    assert [line.get_ydata()[0] for line in metrics.lines] == [one["mean"] for one in estimates]
    bars = [bar.get_segments()[0][:, 1] for bar in metrics.collections]
    np.testing.assert_allclose(bars, [[one["ci_lo"], one["ci_hi"]] for one in estimates])


def test_figures_are_the_same_each_time(page_data, tmp_path):
    for turn in ("one", "two"):
        figures.plot_frontiers(page_data.frontier, tmp_path / f"{turn}-frontiers.png")
        figures.plot_shares(page_data.ablations, page_data.methods, tmp_path / f"{turn}-shares.png")
    for name in ("frontiers", "shares"):
        assert (tmp_path / f"one-{name}.png").read_bytes() == (tmp_path / f"two-{name}.png").read_bytes()
