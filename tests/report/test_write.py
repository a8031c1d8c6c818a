"""Write an evaluation: tables, contact sheets and figures, checked for their content."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from fixtures_edits import Study
from fixtures_sweeps import sweep_edits
from PIL import Image

from atelier.common.records import Edit, Probe, TestProbe, Zones, write_rows
from atelier.config import Evaluate, Models
from atelier.evaluation.evaluate import Evaluation, Inputs, evaluate, load_scorers
from atelier.images.contact_sheet import CELL, GAP, HEADER, TEXT_WIDTH
from atelier.images.tensors import from_png
from atelier.report import paper
from atelier.report.edit_sheets import COLUMNS, pick_unselected, pick_worst
from atelier.report.page import PageData
from atelier.report.tables import average, compare_with_paper
from atelier.report.write import Outputs, write_evaluation
from atelier.stats.tables import markdown, to_csv

SETTINGS = Evaluate(batch_size=16, draws=200, seed=7, sheet_rows=3)


@pytest.fixture(scope="module")
def models(tiny_clip_folder, tiny_features_folder, tiny_editor_folder) -> Models:
    return Models(
        editor=str(tiny_editor_folder), clip=str(tiny_clip_folder), lpips=str(tiny_features_folder), segmenter="none",
        dtype="float32", device="cpu", threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(study: Study, models: Models, tmp_path_factory) -> Evaluation:
    """Run the stage's work on files, with an editor's own VAE."""
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder / "probes", Probe, study.probes)
    write_rows(folder / "zones", Zones, study.zones)
    for model, edits in sweep_edits(study).items():
        write_rows(folder / model, Edit, edits)
    write_rows(folder / "tests", TestProbe, [])
    write_rows(folder / "none", Edit, [])
    edits = {model: folder / model for model in study.edits}
    inputs = Inputs(
        folder / "probes",
        folder / "zones",
        edits,
        folder / "tests",
        folder / "zones",
        dict.fromkeys(edits, folder / "none"),
    )
    return evaluate(inputs, load_scorers(models), SETTINGS, models.editor)


def test_the_report_has_networks_counts_no_ops_and_frontiers(evaluated, tiny_clip_folder, tiny_features_folder):
    networks = evaluated.report["networks"]
    assert networks["clip"] == str(tiny_clip_folder)
    assert networks["lpips"].startswith(str(tiny_features_folder))
    assert "VAE" in networks["leakage_floor"]
    assert evaluated.report["network_of"]["clip_directional"] == "clip"
    assert evaluated.report["probes_without_zone"] == 0
    for part in (evaluated.report["seen"], evaluated.report["unseen"]):
        assert set(part["noop"]) == {"baseline", "finetuned", "gain"}
        assert (part["probes"], part["noop"]["gain"]["change"]["n"]) == (24, 6)
        areas = {name: part["frontier"][name]["area"] for name in ("baseline", "finetuned", "gain")}
        assert areas["finetuned"]["mean"] > areas["baseline"]["mean"]
        assert (areas["gain"]["n"], areas["gain"]["clusters"]) == (4, 4)
    assert len(evaluated.frontier) == 2 * 2 * 3
    assert set(evaluated.frontier["n"]) == {4}


def test_what_the_vae_alone_changes_does_not_count_as_leakage(study, evaluated):
    """A random VAE's floor is high: the near-exact edit's noise outside the garment stays below it."""
    shares = []
    for probe, edit in zip(study.probes, study.edits["finetuned"], strict=True):
        change = np.abs(from_png(edit.edited).astype(float) - from_png(probe.source)).sum(-1)
        shares.append(change[from_png(probe.exact_mask) < 128].sum() / change.sum())
    assert np.mean(shares) > 0.1
    assert evaluated.report["seen"]["finetuned"]["leakage_share"]["mean"] < 0.5 * np.mean(shares)


def write(result: Evaluation, page: PageData, folder: Path) -> None:
    names = ("evaluate.json", "headline.json", "tables", "sheets")
    write_evaluation(result, SETTINGS, Outputs(*(folder / name for name in names)), page.ablations, page.methods)


def test_every_file_is_written_and_has_the_same_bytes_twice(evaluated, page_data, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        write(evaluated, page_data, folder)
    files = {path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file()}
    assert files == {
        "evaluate.json", "headline.json", "sheets/frontier.png", "sheets/measures.png", "sheets/overview.png",
        "sheets/seen-worst.png", "sheets/seen.png", "sheets/shares.png", "sheets/unseen-worst.png", "sheets/unseen.png",
        "tables/comparison.md", "tables/factors.csv", "tables/frontier.csv", "tables/prompts.csv",
    }  # fmt: skip
    for name in files:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    sheet = Image.open(one / "sheets" / "seen.png")
    assert sheet.size == (GAP + TEXT_WIDTH + len(COLUMNS) * (CELL + GAP), HEADER + 3 * (CELL + GAP))
    overview = Image.open(one / "sheets" / "overview.png")  # both domains side by side
    assert overview.size == (GAP + TEXT_WIDTH + 8 * (CELL + GAP), HEADER + 4 * (CELL + GAP))


def test_prompt_table_holds_the_means_of_its_edits(evaluated):
    rows = list(csv.DictReader(io.StringIO(to_csv(average(evaluated.scores, "prompt")))))
    assert len(rows) == 2 * 4 * 5
    parts = dict(list(evaluated.scores.groupby(["domain", "prompt", "model"])))
    for row in rows:
        part = parts[row["domain"], row["prompt"], row["model"]]
        assert int(row["n"]) == len(part) == 6
        assert float(row["lpips"]) == pytest.approx(part["lpips"].mean(), rel=1e-5)


def test_the_comparison_has_the_paper_s_rows_and_ours(evaluated):
    assert markdown(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"
    text = compare_with_paper(evaluated.report)
    assert "| paper, DeepFashion2: fine-tuned, trimap | 22.14 | 11.91 | – | – |" in text
    assert "| paper, Fashionpedia: fine-tuned | 18.59 | 10.52 | 0.288 | – |" in text
    ours = evaluated.report["seen"]["finetuned"]
    assert f"| **finetuned** | {ours['clip_similarity']['mean']:.2f} | {ours['clip_directional']['mean']:.2f} |" in text
    assert evaluated.report["networks"]["clip"] in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {8, 12}  # the two kinds of table, every row complete
    box = evaluated.report["unseen"]["oracles"]["box_tint"]
    assert f"| *box_tint* | {box['clip_similarity']['mean']:.2f} |" in text
    assert "## Seen domain: 6 rendered pictures" in text
    area = evaluated.report["seen"]["frontier"]["gain"]["area"]
    assert f"| area under the frontier | {area['mean']:+.3g} |" in text


@pytest.mark.parametrize(("domain", "ratio"), [("seen", "1.52"), ("unseen", "1.51")])  # 11.91 / 7.82, 10.52 / 6.98
def test_the_comparison_quotes_the_paper_s_ratio_of_that_domain(evaluated, domain, ratio):
    part = evaluated.report[domain] | {"directional_ratio": {"mean": 1.4, "ci_lo": 1.3, "ci_hi": 1.5}}
    text = compare_with_paper({"networks": {}, domain: part})
    assert f"(the paper's: {ratio} ×)" in text


def test_the_paper_s_ablations_are_complete():
    assert {(row.label, row.domain) for row in paper.ABLATIONS} == {(n, d) for n in "ABCD" for d in ("seen", "unseen")}


def test_unselected_rows_take_sources_and_prompts_in_turn_and_worst_rows_lost_most_similarity(evaluated):
    seen, unseen = ([one for one in evaluated.samples if one.probe.domain == name] for name in ("seen", "unseen"))
    picked = pick_unselected(seen, 4)
    assert len({case.probe.source_id for case in picked}) == len({case.probe.prompt for case in picked}) == 4
    assert len(pick_unselected(seen, 50)) == 6  # one row a source at most
    table = evaluated.scores.pivot(index="probe_id", columns="model", values="clip_directional")
    lost = (table["finetuned"] - table["baseline"])[lambda s: s.index.str.startswith("unseen")]
    assert [case.probe.probe_id for case in pick_worst(unseen, evaluated.scores, 3)] == list(lost.nsmallest(3).index)


def test_photos_without_target_have_a_sheet(evaluated, tmp_path, page_data):
    samples = [replace(sample, probe=replace(sample.probe, target=None)) for sample in evaluated.samples]
    scores = evaluated.scores[evaluated.scores["model"] != "target"]
    write(replace(evaluated, scores=scores, samples=samples), page_data, tmp_path)
    assert (tmp_path / "sheets" / "unseen.png").exists()


def test_scorers_reconstruct_images_with_the_vae(models, tiny_editor_folder):
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        vae = AutoencoderKL.from_pretrained(tiny_editor_folder, subfolder="vae").eval()
        expected = vae.decode(vae.encode(pictures * 2 - 1).latent_dist.mode()).sample / 2 + 0.5
    torch.testing.assert_close(load_scorers(models).reconstruct(pictures), expected.clamp(0, 1), atol=1e-5, rtol=0)
