"""Pairs of two takes of a scene, and what the image tower of the scoring CLIP is taught of its patches."""

import json
import random

import numpy as np
import pytest
import torch
from fixtures_cli import invoke

from atelier.text.colours import is_held_out
from atelier.world import Scene, lay_out, sample_outfit
from atelier.world.shards import open_world, part_of
from pretrain import autoencoder, clip_vision, image_editor, scene_pairs, text_to_image
from pretrain.common.autoencoder import to_input
from pretrain.corpus import SEGMENTS, UNKNOWN, compose_person
from pretrain.editor.unet import build_scheduler
from pretrain.principal_components import find_components, read_code, write_encoder

SIZE, SEED = 64, 24_000_000


def test_the_code_is_read_back_from_the_encoder():
    pictures = to_input(np.stack([compose_person(1, number, SIZE).image for number in range(12)]))
    code = find_components(pictures, (*autoencoder.WIDTHS[:2], autoencoder.CHANNELS))
    vae = autoencoder.build(SIZE)
    write_encoder(vae, code)
    read = read_code(vae)
    assert [weight.shape for weight in read.weights] == [weight.shape for weight in code.weights]
    torch.testing.assert_close(read.encode(pictures), code.encode(pictures))


@pytest.mark.parametrize("number", range(8))
def test_a_pair_shows_one_outfit_of_the_base_models_twice(number):
    before, after, record = scene_pairs.make_pair(SEED, number, 128)
    again = scene_pairs.make_pair(SEED, number, 128)
    np.testing.assert_array_equal(before, again[0])
    np.testing.assert_array_equal(after, again[1])
    facts = open_world().facts[record["shot"]]
    assert part_of(facts["item"], facts["domain"]) == "base"
    assert open_world().facts[record["target"]]["item"] == facts["item"]
    assert (before != after).any(-1).mean() > 0.5  # another take: light and noise differ everywhere
    assert np.median(np.abs(before.astype(int) - after)) < 30  # but not the scene


def test_edits_change_what_they_say_and_no_fabric_that_is_held_out():
    cuts = 0
    for number in range(60):
        rng = np.random.default_rng([5, number])
        scene = sample_outfit(rng, "studio", part="base")
        slot, edited, said = scene_pairs.draw_edit(scene, rng, random.Random(number))
        before, after = scene.garments, edited.garments
        assert {s: g for s, g in before.items() if s != slot} == {s: g for s, g in after.items() if s != slot}
        assert edited.camera == scene.camera
        if edited.shot != scene.shot:
            cuts += 1
            assert said.split()[0] in ("make", "give")
            continue
        assert before[slot] != after[slot]
        if after[slot].colour != before[slot].colour:
            assert after[slot].colour in said
        assert not is_held_out(after[slot].colour, after[slot].pattern)
    assert 0 < cuts < 20


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Six pairs, encoded."""
    folder = tmp_path_factory.mktemp("pairs")
    vae = autoencoder.build(128)
    write_encoder(vae, find_components(torch.rand(8, 3, 64, 64) * 2 - 1, (16, 32, 16)))
    vae.save_pretrained(folder / "vae")
    invoke(scene_pairs.main, vae=folder / "vae", out=folder / "pairs", pairs=6, size=64, workers=1)
    return folder


def test_the_latents_of_pairs_are_those_of_their_pictures(pairs):
    given = image_editor.read_scene_pairs(pairs / "pairs")
    records = [json.loads(line) for line in (pairs / "pairs/pairs.jsonl").read_text().splitlines()]
    assert given.instructions == [record["instruction"] for record in records]
    assert given.sources.shape == (6, 16, 8, 8)
    vae = image_editor.open_vae(pairs / "vae").eval()
    before, after, record = scene_pairs.make_pair(SEED, 3, 64)
    assert records[3] == record
    with torch.no_grad():
        for latents, picture in ((given.sources, before), (given.targets, after)):
            expected = vae.encode(to_input(picture[None])).latent_dist.mode()[0]
            torch.testing.assert_close(latents[3].float(), expected, atol=0.02, rtol=0.02)


def test_weights_of_the_velocity_loss_are_shares():
    class Model(torch.nn.Module):
        """Predicts 0."""

        def text(self, tokens):
            return type("Output", (), {"last_hidden_state": torch.zeros(len(tokens), 2, 4)})

        def unet(self, given, times, context):
            return type("Output", (), {"sample": torch.zeros(given.shape)})

    scheduler, target, tokens = build_scheduler(), torch.randn(2, 3, 4, 4), torch.zeros(2, 2, dtype=torch.long)
    weight = torch.ones(2, 1, 4, 4)
    weight[0, :, :2] = 3

    def loss(**how) -> float:
        torch.manual_seed(1)
        return text_to_image.velocity_loss(Model(), scheduler, target, tokens, **how).item()

    torch.manual_seed(1)
    times = text_to_image.draw_timesteps(2, 1000)
    v = scheduler.get_velocity(target, torch.randn_like(target), times).numpy()
    error = (v**2).mean(1, keepdims=True)
    assert loss() == pytest.approx(error.mean(), rel=1e-5)
    assert loss(weight=weight) == pytest.approx(np.average(error, weights=weight.numpy()), rel=1e-5)


def test_patches_know_their_segments_and_the_fabric_that_covers_them():
    composed = compose_person(20_000_000, 4, 128)
    scene = Scene.from_json(json.dumps(composed.record["scene"]))
    garments = clip_vision.garment_table([composed.record, {"subject": "product"}])
    truth = clip_vision.patch_truth(np.stack([composed.labels, np.full((128, 128), UNKNOWN, np.uint8)]), garments)
    masks = lay_out(scene, 128).masks
    for name, mask in masks.items():
        expected = mask[40:48, 56:64].mean()
        assert truth.shares[0, 5, 7, SEGMENTS.index(name)].item() == pytest.approx(expected)
    assert not truth.shares[1].any()
    assert (truth.fabrics[1] == -1).all()
    known = truth.fabrics[0] >= 0
    assert known.any()
    worn = {
        tuple(names.index(value) for names, value in zip(
            clip_vision.FACTORS.values(), (g.name or g.kind, g.colour, g.pattern), strict=True
        ))
        for g in scene.garments.values()
    }  # fmt: skip
    found = truth.fabrics[0][known.all(-1)].unique(dim=0).tolist()
    assert {tuple(one) for one in found} <= worn


def test_the_heads_count_only_what_is_known():
    heads = clip_vision.PatchHeads()
    shares = torch.zeros(1, 16, 16, len(SEGMENTS))
    shares[0, 0, 0, 2] = 1
    fabrics = torch.full((1, 16, 16, 3), -1)
    fabrics[0, 0, 0] = torch.tensor([1, 2, 3])
    states = torch.randn(1, 256, clip_vision.WIDTH)
    loss, _ = heads(states, clip_vision.PatchTruth(shares, fabrics))
    segments, kind, colour, pattern = heads.linear(states[0, 0]).split(heads.sizes)
    expected = -sum(part.log_softmax(0)[n] for part, n in ((segments, 2), (kind, 1), (colour, 2), (pattern, 3)))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
