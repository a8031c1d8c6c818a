"""The study of concept insertion on tiny random networks, from its data to its report."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_cli import invoke
from fixtures_concepts import build_sd
from import_graph import ROOT
from PIL import Image
from ruamel.yaml import YAML
from safetensors.numpy import load_file

from atelier.common.errors import UserError
from atelier.config import read_sections
from atelier.images.tensors import to_tensor
from atelier.metrics.clip import ClipScorer
from atelier.models.loading import load_model
from studies.insertion import data, evaluate, prompts, report, train
from studies.insertion.config import METHODS, Study, settings_of
from studies.insertion.data import write_sets
from studies.insertion.metrics import right_places
from studies.insertion.prompts import COMPLEX, NEW_PLACES, NOUNS, PLAIN
from studies.insertion.runs import training_rows

FOLDER = ROOT / "studies/insertion"
CHOSEN = read_sections(FOLDER / "params.yaml", Study)
FIRST, SECOND = list(NOUNS)[:2]
SMALL = {  # enough for every part to have something to do
    "photographs": {"count": 3, "others": 8, "seed": 1},
    "painting": {"steps": 1, "guidance": 2.0, "plain": 4, "complex": 1, "batch_size": 8, "seed": 1},
    "frontier": {"checkpoints": 1, "plain": 2, "complex": 1, "scales": "0+0.5"},
    "textual_inversion": {"lr": 0.1, "epochs": 2, "vectors": 2},
    "dreambooth": {"lr": 0.01, "epochs": 2, "class_pictures": 2, "class_weight": 1.0},
    "lora": {"lr": 0.01, "text_lr": 0.0, "epochs": 2, "rank": 2, "alpha": 2.0},
    "judging": {"draws": 100, "seed": 1},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_editor_folder, tiny_clip_folder, tiny_features_folder) -> Path:
    """A folder where every stage has run once on two concepts, with a tokenizer that knows the class nouns."""
    folder = tmp_path_factory.mktemp("insertion")
    params, runs, others = folder / "params.yaml", folder / "runs", folder / "others"
    with torch.random.fork_rng():
        torch.manual_seed(3)
        pipeline = build_sd(tiny_editor_folder)
        pipeline.tokenizer.add_tokens(list(NOUNS))
        pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer))
        pipeline.save_pretrained(folder / "painter")
    values = YAML(typ="safe").load(FOLDER / "params.yaml") | SMALL
    values["base"] |= {"painter": str(folder / "painter"), "device": "cpu"}
    values["networks"] = {"clip": str(tiny_clip_folder), "features": str(tiny_features_folder)}
    YAML().dump(values, params)
    made = {name: folder / name for name in ("photographs", "painted")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        for script in (data, evaluate, report):
            patch.setattr(script, "NOUNS", {noun: NOUNS[noun] for noun in (FIRST, SECOND)})
        invoke(data.main, params=params, others=others, **made)
        for method in METHODS:
            photographs, out = folder / "photographs" / FIRST, runs / f"{FIRST}-{method}"
            invoke(train.main, params=params, concept=FIRST, method=method, photographs=photographs, out=out)
            shutil.copytree(out, runs / f"{SECOND}-{method}")  # to save time
        made |= {"runs": runs, "params": params}
        invoke(evaluate.main, others=others, out=folder / "results", **made)
        made["results"] = folder / "results"
        for n in (1, 2):
            invoke(report.main, metrics=folder / f"metrics-{n}.json", out=folder / f"report-{n}", **made)
    return folder


@pytest.mark.slow
def test_every_generated_image_is_scored(done):
    scores = pd.read_csv(done / "results/scores.csv")
    counts = scores.groupby(["method", "at"]).size().to_dict()
    finals = {(method, "final"): 2 * (4 + 4) for method in ("base", *METHODS)}
    on_the_way = {(method, "epoch-1"): 2 * (2 + 4) for method in METHODS}
    scales = {("lora", f"scale-{scale}"): 2 * (2 + 4) for scale in ("0", "0.5")}
    baselines = {("photographs among themselves", "final"): 2 * 3, ("other photographs", "final"): 2 * 8}
    assert counts == finals | on_the_way | scales | baselines | {("prompt", "final"): 4}
    assert scores["image_similarity"].dropna().between(-1.000001, 1.000001).all()


@pytest.mark.slow
def test_an_image_is_scored_against_its_own_references(done, tiny_clip_folder):
    """One image of a complex prompt, by loops over the training images and over the images of the same place."""
    small = read_sections(done / "params.yaml", Study)
    scorer = ClipScorer.load(str(tiny_clip_folder))

    def features(pictures):
        return scorer.image_features(to_tensor(np.stack(pictures)))

    requests, without = prompts.list_requests(FIRST, "", small.painting), prompts.list_requests_without(small.painting)
    painted, base = load_file(done / f"runs/{FIRST}-dreambooth/pictures.safetensors"), load_file(done / "painted")
    k = next(k for k, request in enumerate(requests) if request.place == NEW_PLACES[1])
    (own,) = features([painted["final"][k]])
    photographs = [np.asarray(Image.open(path)) for path in sorted((done / "photographs" / FIRST).glob("*.png"))]
    same = [base["without"][j] for j, request in enumerate(without) if request.place == NEW_PLACES[1]]
    scores = pd.read_csv(done / "results/scores.csv", keep_default_na=False, na_values=[""])
    keys = ["concept", "method", "at", "place", "number"]
    row = scores.set_index(keys).loc[[(FIRST, "dreambooth", "final", NEW_PLACES[1], requests[k].number)]]
    assert len(row) == 1
    for column, others in (("image_similarity", photographs), ("prompt_similarity", same)):
        expected = np.mean([float(own @ other) for other in features(others)])
        assert row[column].item() == pytest.approx(expected, abs=1e-4)
    (text,) = scorer.text_features([f"a photo of a {FIRST} {NEW_PLACES[1]}"])
    assert row["clip_t"].item() == pytest.approx(float(own @ text), abs=1e-4)


def test_images_with_any_memory_layout_are_written_as_indexed(tmp_path):
    lying = np.random.default_rng(3).integers(0, 256, (2, 3, 5, 4), dtype=np.uint8)
    pictures = lying.transpose(0, 2, 3, 1)  # a layout that tensors may have
    write_sets(tmp_path / "painted", {"bag": pictures})
    assert np.array_equal(load_file(tmp_path / "painted")["bag"], pictures)


@pytest.mark.slow
def test_a_lora_at_scale_0_generates_what_its_base_does_and_at_its_own_scale_does_not(done):
    small = read_sections(done / "params.yaml", Study)
    requests = prompts.list_requests(FIRST, prompts.concept_name("lora", FIRST, small.teaching), small.painting)
    requests = prompts.subset(requests, small.frontier)
    found = load_file(done / f"runs/{FIRST}-lora/pictures.safetensors")
    base = prompts.generate_requests(load_model(small.base.painter, device="cpu"), requests, small.painting, "paint")
    assert np.array_equal(found["scale-0"], base)
    assert not np.array_equal(found["final"][:2], base[:2])


@pytest.mark.slow
def test_the_report_is_the_same_bytes_each_time(done):
    first, second = ({path.name: path.read_bytes() for path in (done / f"report-{n}").iterdir()} for n in (1, 2))
    assert first == second
    assert {"tables.md", "scatter.png", "frontier.png", "scales.png", f"{FIRST}.png", f"{SECOND}.png"} == first.keys()
    assert (done / "metrics-1.json").read_bytes() == (done / "metrics-2.json").read_bytes()


@pytest.mark.slow
def test_metrics_are_nested_scalars_and_name_the_networks(done, tiny_features_folder):
    metrics = json.loads((done / "metrics-1.json").read_text())
    assert metrics["networks"]["features"] == str(tiny_features_folder)
    waiting = [metrics]
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else []
        assert isinstance(value, dict | str | int | float)
    assert set(metrics["methods"]["lora"]["image_similarity"]) == {"mean", "ci_lo", "ci_hi", "n"}


@pytest.mark.slow
def test_jpeg_files_of_any_size_in_a_folder_of_ones_own_are_read(done, tmp_path):
    small = read_sections(done / "params.yaml", Study)
    Image.new("RGB", (90, 60), (200, 10, 10)).save(tmp_path / "one.jpg")
    (row,) = training_rows(load_model(small.base.painter, device="cpu"), tmp_path, "<thing>", small.teaching)
    assert row.pixels.shape == (32, 32, 3)
    assert (row.prompt, row.repeats) == ("a photo of <thing>", small.teaching.repeats)


def test_methods_share_their_noise_and_no_two_images_do():
    names = [prompts.concept_name(method, "bag", CHOSEN.teaching) for method in ("lora", "textual_inversion")]
    one, other = (prompts.list_requests("bag", name, CHOSEN.painting) for name in names)
    assert [request.seed for request in one] == [request.seed for request in other]
    everything = [request for noun in NOUNS for request in prompts.list_requests(noun, "", CHOSEN.painting)]
    everything += prompts.list_requests_without(CHOSEN.painting)
    assert len({request.seed for request in everything}) == len(everything)
    assert one[0].prompt == f"a photo of a {CHOSEN.teaching.identifier} bag"
    assert other[-1].prompt == f"a photo of {CHOSEN.teaching.placeholder} {NEW_PLACES[-1]}"
    plain, in_places = CHOSEN.painting.plain, CHOSEN.painting.complex * len(NEW_PLACES)
    assert [request.kind for request in one] == [PLAIN] * plain + [COMPLEX] * in_places


def test_every_methods_parameters_reach_its_training():
    own = {name: getattr(CHOSEN, name) for name in ("textual_inversion", "dreambooth", "lora")}
    found = {name: settings_of(name, "bag", CHOSEN.teaching, section) for name, section in own.items()}
    for name, section in own.items():
        assert (found[name].method, found[name].lr, found[name].epochs) == (name, section.lr, section.epochs)
    assert found["textual_inversion"].initialiser == "bag"
    assert (found["lora"].lora_rank, found["lora"].text_lr) == (CHOSEN.lora.rank, CHOSEN.lora.text_lr)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("frontier", "scales", "0+0", "frontier.scales.*not a list of distinct scales"),
        ("frontier", "plain", 17, "at most those of painting"),
        ("teaching", "identifier", "two words", "identifier"),
        ("lora", "rnak", 4, "rnak"),
    ],
)
def test_wrong_parameters_are_named(section, key, value, message, tmp_path):
    values = YAML(typ="safe").load(FOLDER / "params.yaml")
    values[section][key] = value
    YAML().dump(values, tmp_path / "params.yaml")
    with pytest.raises(UserError, match=message):
        read_sections(tmp_path / "params.yaml", Study)


@pytest.mark.parametrize(("checkpoints", "last", "expected"), [(3, 12, {3, 6, 9}), (3, 2, {1}), (0, 9, set())])
def test_checkpoints_are_evenly_spread_without_the_last_epoch(checkpoints, last, expected):
    assert CHOSEN.frontier.model_copy(update={"checkpoints": checkpoints}).epochs(last) == expected


def test_a_place_is_recognised_by_the_rim_whatever_the_object():
    """Four grounds under one sky, and an object that reaches over the rim on one side."""
    grounds = {"grass": (90, 160, 60), "street": (100, 100, 110), "sand": (230, 200, 150), "snow": (240, 250, 255)}
    rng = np.random.default_rng(2)

    def photograph(ground, thing=None):
        pixels = np.empty((32, 32, 3))
        pixels[:16], pixels[16:] = (170, 200, 230), grounds[ground]
        if thing is not None:
            pixels[4:30, 6:] = thing
        return (pixels + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)

    places = [place for place in grounds for _ in range(3)]
    reference = SimpleNamespace(without=SimpleNamespace(pixels=np.stack(list(map(photograph, places)))), places=places)
    things = np.stack([photograph(place, rng.integers(0, 256, 3)) for place in places])
    assert right_places(things, places, reference).all()
    assert right_places(things, places[3:] + places[:3], reference).sum() == 0
