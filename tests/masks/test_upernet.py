"""A UPerNet with body parts as further labels finds garments, and never a part."""

import numpy as np
import pytest
import torch
from import_graph import ROOT

from atelier.masks.segformer import _predict, find_garments, load_segmenter
from atelier.world import render, sample_outfit

FOLDER = ROOT / "models" / "base" / "photographs" / "segmenter"


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter(str(FOLDER), torch.device("cpu"))


@pytest.fixture(scope="module")
def people():
    scenes = [sample_outfit(np.random.default_rng([3, n]), "studio", part="study") for n in range(8)]
    return [(scene, render(scene, 128)) for scene in scenes]


def test_the_labels_are_those_of_garments(segmenter):
    assert set(segmenter.labels) == {"upper", "lower", "full"}
    names = segmenter.model.config.id2label
    assert sorted(names[number] for number in segmenter.parts) == [
        "part: arm",
        "part: head",
        "part: leg",
        "part: torso",
    ]


def test_no_pixel_is_a_body_part_at_any_size(segmenter, people):
    for _, rendered in people[:2]:
        large = np.repeat(np.repeat(rendered.image, 2, 0), 2, 1)[:, :200]
        for labels, _ in _predict(segmenter, [large]):
            assert not np.isin(labels, segmenter.parts).any()
            assert len(np.unique(labels)) > 2


def test_garments_are_found_where_they_are(segmenter, people):
    found = []
    for scene, rendered in people:
        if scene.item in ("upper", "lower"):
            (mask,) = find_garments(segmenter, [rendered.image], [scene.garments[scene.item].kind])
            exact = rendered.masks[scene.item]
            found.append((mask & exact).sum() / (mask | exact).sum())
    assert len(found) > 3
    assert np.mean(found) > 0.5
