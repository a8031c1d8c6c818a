"""The report page as a file: complete, self-contained, deterministic, and valid if parts are missing."""

import base64
import copy
import html
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from fixtures_page import HTML, build_page_data
from PIL import Image

from atelier.common.records import TESTS, Zones
from atelier.images.tensors import to_png
from atelier.metrics.registry import METRICS, Metric
from atelier.report.figures import COLOURS, draw_curve
from atelier.report.page import write_page
from atelier.report.page.charts import to_svg
from atelier.report.page.gallery import failures, gallery_data, image_uri, mask_uri
from atelier.report.page.write import render_page

SECTIONS = [
    "answer", "gallery", "measures", "paper", "prompts", "frontiers", "noop", "ablations", "curves", "shares", "making",
]  # fmt: skip
VOID = {"meta", "link", "input", "img"}


class Outline(HTMLParser):
    """Elements and text of a page; raises if its elements are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + " "

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def page(page_data) -> str:
    return render_page(page_data)


@pytest.fixture(scope="module")
def outline(page) -> Outline:
    return Outline(page)


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def test_equal_data_give_equal_bytes(study, page, tmp_path):
    write_page(tmp_path / "report" / "index.html", build_page_data(study))
    (file,) = (tmp_path / "report").iterdir()
    assert (file.name, file.read_bytes()) == ("index.html", page.encode())


def test_nothing_is_fetched_and_480_edits_fit_in_8_mb(page, outline, page_data):
    assert "://" not in page
    assert {link["href"] for link in outline.all("link")} == {"data:,"}
    assert outline.all("meta")[1]["content"].startswith("default-src 'none'; img-src data:;")
    assert all(set(script) <= {"type", "id"} for script in outline.all("script"))
    gallery = len(re.search(r'id="gallery-data">(.*?)</script>', page)[1])
    more = gallery * (480 / len(page_data.samples) - 1)
    assert len(page.encode()) + more < 8e6  # an upper bound: these edits are noisier than real


def test_the_page_has_every_section_in_order_and_is_valid_and_accessible(outline):
    assert [attributes["id"] for attributes in outline.all("section")] == SECTIONS
    assert [link["href"] for link in outline.all("a")] == ["#answer", *(f"#{name}" for name in SECTIONS)]
    names = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(names) == len(set(names))
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert max(np.diff(levels)) <= 1
    assert all(head.get("scope") in ("row", "col", "rowgroup") for head in outline.all("th"))
    assert all("alt" in image for image in outline.all("img"))
    assert all(drawing["aria-label"] for drawing in outline.all("svg"))
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert len(outline.all("main")) == len(outline.all("nav")) == len(outline.all("h1")) == 1


def test_texts_of_the_data_are_escaped(page, outline):
    assert "<img src=x" not in page
    assert HTML in outline.text  # as text, in the tables by prompt
    assert "a/features <trained>" in outline.text
    assert not any("onerror" in attributes for _, attributes in outline.tags)


def test_the_table_has_our_values_the_paper_s_and_rows_of_reference_edits(page, page_data):
    rows = re.findall(r'<tr class="reference"><th scope="row">(.*?)</th>', page)
    expected = ["copy of the source", "fine-tuned, cut to the garment", "exact target", "whole image tinted"]
    assert [html.unescape(row) for row in rows] == [*expected, "another item's image"] * 2
    assert re.search(r"paper: fine-tuned, trimap</th><td>22.14</td><td>11.91</td><td>–</td>", page)
    cell = page_data.report["seen"]["finetuned"]["clip_directional"]
    assert f"<td>{cell['mean']:.2f}<small>{cell['ci_lo']:.2f} … {cell['ci_hi']:.2f}</small></td>" in page


def test_a_new_metric_is_shown_once_it_is_registered(page_data, monkeypatch):
    new = Metric("sparkle", "sparkle of the fabric", 1, 1, "lm", group="Edit success", views="page prompts gallery")
    monkeypatch.setitem(METRICS, "sparkle", new)
    report = copy.deepcopy(page_data.report)
    for part, mean in (("baseline", 4.56), ("finetuned", 7.89), ("gain", 3.33)):
        report["seen"][part]["sparkle"] = {"mean": mean, "ci_lo": mean - 1, "ci_hi": mean + 1, "p_holm": 0.01, "n": 24}
    shown = Outline(render_page(replace(page_data, report=report, scores=page_data.scores.assign(sparkle=1.25))))
    assert shown.text.count("sparkle of the fabric, lm\u00a0↑") == 5  # panel, two tables, by prompt in both domains
    assert "sparkle of the fabric (4.6 → 7.9)" in shown.text
    assert "worst first: sparkle of the fabric" in shown.text


def test_missing_parts_are_left_out(page_data):
    """Photographs: no target, no frontier, no oracles, no other runs."""
    bare = {name: value for name, value in page_data.report.items() if name != "unseen"}
    kept = ("probes", "sources", "baseline", "finetuned", "copy", "gain")
    bare["seen"] = copy.deepcopy({name: page_data.report["seen"][name] for name in kept})
    lost = ["target_rmse", "pattern_recognised", "delta_e"]
    for part, name in itertools.product(("baseline", "finetuned", "gain"), lost):
        del bare["seen"][part][name]
    scores = page_data.scores.drop(columns=[*lost, "change_inside"])
    scores = scores[(scores["model"] != "target") & (scores["domain"] == "seen")]
    samples = [replace(sample, probe=replace(sample.probe, target=None)) for sample in page_data.samples[:24]]
    less = replace(
        page_data, report=bare, scores=scores, samples=samples, frontier=None, ablations=None, methods=None,
        epochs=pd.DataFrame(), steps=pd.DataFrame(), trained={}, params={}, digests={},
    )  # fmt: skip
    outline = Outline(render_page(less))
    kept = ["answer", "gallery", "measures", "paper", "prompts", "making"]
    assert [part["id"] for part in outline.all("section")] == kept
    assert not re.search(r"\b(nan|None|null|exact target \()\b", outline.text)
    assert "gallery" not in [part["id"] for part in Outline(render_page(replace(less, samples=[]))).all("section")]


@pytest.mark.parametrize(("name", "prompts"), [("street", 1), ("street", 20), (TESTS, 20)])
def test_any_number_of_sets_and_prompts_is_shown(page_data, name, prompts):
    old = [sample for sample in page_data.samples if sample.probe.domain == "unseen"]
    asked = {sample.probe.probe_id: f"request {number % prompts}" for number, sample in enumerate(old)}
    facts = [
        {"probe_id": f"t-{key}", "domain": name, "prompt": prompt} | ({} if place else {"target": None})
        for place, (key, prompt) in enumerate(asked.items())
    ]
    new = [replace(one, probe=replace(one.probe, **changed)) for one, changed in zip(old, facts, strict=True)]
    rows = page_data.scores[page_data.scores["domain"] == "unseen"]
    third = rows.assign(domain=name, prompt=rows["probe_id"].map(asked), probe_id="t-" + rows["probe_id"])
    report = page_data.report | {name: page_data.report["unseen"] | {"rendered": name == TESTS}}
    scores = pd.concat([page_data.scores, third])
    page = render_page(replace(page_data, report=report, scores=scores, samples=[*page_data.samples, *new]))
    outline = Outline(page)
    grids = [table for table in outline.all("table") if table.get("class") == "edits"]
    assert len(grids) == 3
    buttons = [part for part in outline.all("button") if part.get("class") == "zoom" and "aria-haspopup" in part]
    cells = 2 * 4 * 4 + 4 * min(prompts, 4) - 1  # two sets of four prompts with targets; the third lacks one target
    assert len(buttons) == cells + 8  # and those of a card
    requests = set(asked.values()) & {one.get("value") for one in outline.all("option")}
    assert len(requests) == (prompts if name == "street" else 0)  # each test triplet has an instruction of its own
    assert (f"<summary>Means by prompt, {name}</summary>" in page) == (name == "street" and prompts > 12)
    assert f"({name.replace('_', ' ')})" in outline.text
    stored = json.loads(re.search(r'id="gallery-data">(.*?)</script>', page)[1])
    assert stored["targets"] == {
        "seen": "exact target",
        "unseen": "exact target",
        name: "true target" if name == TESTS else "target",
    }
    assert [edit["target"] is None for edit in stored["edits"]].count(True) == 1


def test_the_gallery_holds_every_edit_with_its_scores(page, page_data):
    stored = json.loads(re.search(r'id="gallery-data">(.*?)</script>', page)[1])
    assert [edit["id"] for edit in stored["edits"]] == [sample.probe.probe_id for sample in page_data.samples]
    tuned = page_data.scores[page_data.scores["model"] == "finetuned"].set_index("probe_id")
    for sample, edit in zip(page_data.samples, stored["edits"], strict=True):
        scores = tuned.loc[sample.probe.probe_id]
        assert [stored["kinds"][kind] for kind in edit["kinds"]] == failures(scores.to_dict())
        leaked = scores["leakage_share"]
        assert edit["scores"]["leakage_share"] == (None if np.isnan(leaked) else pytest.approx(leaked, rel=1e-4))
        images = [pixels_of(stored["images"][index]) for index in edit["images"]]
        pngs = [sample.probe.source, sample.edited["baseline"], sample.edited["finetuned"], sample.zones.tight]
        images.append(pixels_of(stored["images"][edit["target"]]))
        pngs.append(sample.probe.target)
        for image, png in zip(images, pngs, strict=True):
            original = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
            assert np.abs(image.astype(int) - original).max() <= 3
    assert len({edit["images"][0] for edit in stored["edits"]}) == 12  # sources are stored once
    assert stored["edits"][7]["scores"]["leakage_share"] is None


def test_large_images_are_reduced_and_boxes_with_them(page_data):
    large = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8).repeat(32, 0).repeat(32, 1)  # 256 px
    mask = np.zeros((256, 256), np.uint8)
    mask[64:128] = 255
    assert pixels_of(image_uri(to_png(large))).shape == (128, 128, 3)
    np.testing.assert_array_equal(pixels_of(mask_uri(to_png(mask)))[..., 0], mask[::2, ::2])
    sample = page_data.samples[0]
    edited = dict.fromkeys(sample.edited, to_png(large))
    zones = Zones(sample.probe.probe_id, to_png(mask), [10.0, 20.0, 100.0, 200.0], "given")
    bigger = replace(sample, probe=replace(sample.probe, source=to_png(large)), edited=edited, zones=zones)
    assert gallery_data(replace(page_data, samples=[bigger]))["edits"][0]["box"] == [5.0, 10.0, 50.0, 100.0]


def test_a_chart_is_the_figure_with_named_markers_in_the_colours_of_the_theme():
    def draw(axis):
        draw_curve(axis, "a <b> & c", [0, 1, 2], [0.0, np.nan, 1.0], color=COLOURS["finetuned"])
        axis.set(xlim=(0, 2), ylim=(0, 1))

    drawn = Outline(svg := to_svg(draw, 'x & "y"'))
    assert svg == to_svg(draw, 'x & "y"')
    assert drawn.all("svg")[0]["aria-label"] == 'x & "y"'
    dots = [use for use in drawn.all("use") if use.get("class") == "dot"]
    assert [dot["aria-label"] for dot in dots] == ["a <b> & c, 0: 0", "a <b> & c, 2: 1"]
    left, right = ((float(dot["x"]), float(dot["y"])) for dot in dots)
    assert left[0] < right[0]
    assert left[1] > right[1]  # y grows downwards
    names = {path["id"] for path in drawn.all("path", "clippath") if "id" in path}
    assert {use["href"][1:] for use in drawn.all("use")} <= names
    assert names.isdisjoint(path.get("id") for path in Outline(to_svg(draw, "another")).all("path", "clippath"))
    assert "var(--accent)" in svg
    assert "#" + COLOURS["finetuned"][1:] not in svg
