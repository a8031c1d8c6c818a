"""The new base models' pretraining: corpus, autoencoder, text encoder and text-to-image model."""

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures_cli import invoke
from transformers import CLIPTokenizer

from atelier.images.tensors import to_png, to_tensor
from atelier.metrics.clip import ClipScorer
from atelier.models.instruct_pix2pix import load_editor
from atelier.models.loading import load_model
from atelier.sampling.edit import edit_all
from atelier.sampling.text_to_image import generate
from atelier.text.colours import is_held_out
from atelier.text.instructions import describe
from atelier.text.lexicon import GRAMMAR
from atelier.world import Scene, render
from atelier.world.shards import open_world, part_of
from pretrain import autoencoder, clip, corpus, edit_pairs, image_editor, text_encoder, text_to_image, wrong_captions
from pretrain.common import latents
from pretrain.common.autoencoder import open_vae, to_input
from pretrain.editor.unet import build_scheduler, draw_timesteps
from pretrain.wrong_captions import GROUPS

SIZE, PEOPLE = 32, 24


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A small corpus, an autoencoder, latents and a model of two steps, as the stages write them."""
    folder = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.setattr(autoencoder, "_HELD_OUT", 4)
        patch.setattr(text_to_image, "pretrain", lambda text, tokenizer: 0.0)
        patch.setattr(clip, "pretrain", lambda text, tokenizer: 0.0)
        invoke(corpus.main, out=folder / "corpus", people=PEOPLE, products=3, poses=3, size=SIZE, workers=1)
        small = {"corpus": folder / "corpus", "steps": 2, "batch-size": 4}
        invoke(autoencoder.main, out=folder / "vae", **small)
        invoke(clip.main, out=folder / "clip", **small)
        invoke(latents.main, corpus=folder / "corpus", vae=folder / "vae", out=folder / "latents")
        invoke(text_to_image.main, latents=folder / "latents", vae=folder / "vae", out=folder / "painter", **small)
    return folder


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "corpus/captions.jsonl").read_text().splitlines()]


def test_the_corpus_shows_the_base_models_outfits_as_their_captions_say(made):
    images, labels = (np.load(made / f"corpus/{name}.npy") for name in ("images", "labels"))
    facts = open_world().facts
    for image, label, record in zip(images[:PEOPLE], labels[:PEOPLE], records(made)[:PEOPLE], strict=True):
        scene = Scene.from_json(json.dumps(record["scene"]))
        assert part_of(facts[scene.shot]["item"], scene.domain) == "base"
        rendered = render(scene, SIZE)
        np.testing.assert_array_equal(image, rendered.image)
        for name, mask in rendered.masks.items():
            np.testing.assert_array_equal(label == corpus.SEGMENTS.index(name), mask)
        for garment in scene.garments.values():
            assert not is_held_out(garment.colour, garment.pattern)
            said = describe(garment.name or garment.kind, garment.colour, garment.pattern)
            assert said.removeprefix("a ").removeprefix("an ") in record["prompt"]  # a word for the cut may come first
        assert ("seen from behind" in record["prompt"]) == (scene.view == "back")


def test_pictures_depend_on_seed_and_number_alone(made):
    again = corpus.compose_person(20_000_000, 17, SIZE)
    np.testing.assert_array_equal(np.load(made / "corpus/images.npy")[17], again.image)
    assert records(made)[17] == again.record


def test_the_distance_of_pictures_is_the_sum_of_its_terms():
    x = torch.zeros(1, 3, 4, 4)
    y = x.clone()
    y[..., 2:] = 0.5  # half of the pixels; one of three steps across, none down
    expected = 0.25 + 2 * 0.125 + autoencoder.EDGES * 0.5 / 3
    assert autoencoder.distance(y, x).item() == pytest.approx(expected)
    assert autoencoder.distance(x, x).item() == 0


def test_the_saved_autoencoder_scales_its_latents_to_unit_deviation(made):
    vae = open_vae(made / "vae")
    stored = np.load(made / "latents/latents.npy").astype(np.float32)
    assert stored.shape == (PEOPLE + 6, autoencoder.CHANNELS, SIZE // 8, SIZE // 8)
    assert (stored * vae.config.scaling_factor).std() == pytest.approx(1, rel=0.01)
    assert sum(p.numel() for p in vae.parameters()) == pytest.approx(1.68e6, rel=0.02)


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return text_encoder.build_words([])


def test_labels_of_garments_stand_at_their_last_tokens(tokenizer):
    for number in range(40):
        caption, labels = text_encoder.draw_caption(random.Random(number))
        pieces = tokenizer.tokenize(caption)
        for end, (kind, *_) in zip(text_encoder._ends(tokenizer, caption, labels), labels, strict=True):
            last = tokenizer.tokenize(text_encoder.KINDS[kind])[-1]
            assert pieces[end - 1] == last  # the start token comes first
        assert len(pieces) + 2 <= text_encoder.LENGTH


def test_the_text_encoder_learns_what_garments_are(tokenizer):
    torch.manual_seed(0)
    text = text_encoder.build_text_encoder(tokenizer)
    assert text_encoder.pretrain(text, tokenizer, steps=40, batch_size=12) > 0.2


def test_the_saved_model_generates(made):
    model = load_model(made / "painter")
    prompts = [records(made)[0]["prompt"], "a man in a red shirt"]
    pictures = generate(model, prompts, [1, 2], steps=2, guidance=2.0)
    assert pictures.shape == (2, 3, SIZE, SIZE)
    assert torch.isfinite(pictures).all()
    assert model.denoiser.config.in_channels == autoencoder.CHANNELS


def test_an_editors_unet_takes_the_source_beside_the_noise():
    unet = text_to_image.build_unet(16, 4, conditions=16)
    assert (unet.config.in_channels, unet.config.out_channels) == (32, 16)


@pytest.mark.parametrize(
    "text",
    [
        "a woman in white shorts and an orange striped t-shirt seen from behind in a park",
        "a man in sky blue trousers",
        "a woman in a dress",
        "a mug",
    ],
)
def test_a_wrong_caption_differs_in_one_name_and_stays_grammatical(text):
    rng, said = random.Random(3), set()
    for _ in range(60):
        wrong = wrong_captions.change_word(text, rng)
        assert wrong != text
        said.add(wrong)
        names = [[m[0] for m in wrong_captions._pattern(g).finditer(one)] for one in (text, wrong) for g in GROUPS]
        before, after = names[: len(GROUPS)], names[len(GROUPS) :]
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(changed) == 1
        ((old, new),) = changed
        assert len(new) == max(len(old), 1)
        assert sum(a != b for a, b in zip(old, new, strict=False)) <= 1
        for article, first, noun in re.findall(r"\b(an?) (\w)[^,]*?([\w-]+)(?= seen| in| on| and|$)", wrong):
            assert noun not in GRAMMAR["plurals"], wrong
            assert (article == "an") == (first in "aeiou"), wrong
    assert len(said) > 10 or text == "a mug"


def test_contrast_is_the_mean_of_both_directions():
    rng = torch.Generator().manual_seed(0)
    images, texts = torch.randn(3, 5, generator=rng), torch.randn(3, 5, generator=rng)
    wrong, target = torch.randn(3, 2, 5, generator=rng), torch.eye(3)
    by_image, by_text = 0.0, 0.0
    for i in range(3):
        logits = [float(images[i] @ one) for one in (*texts, *wrong[i])]
        by_image -= logits[i] - np.log(np.exp(logits).sum())
        back = [float(images[j] @ texts[i]) for j in range(3)]
        by_text -= back[i] - np.log(np.exp(back).sum())
    assert clip.contrast(images, texts, wrong, target).item() == pytest.approx((by_image + by_text) / 6, rel=1e-5)
    alike = clip.contrast(images, texts[:1].expand(3, 5), wrong - 100 * images[:, None], torch.full((3, 3), 1 / 3))
    logits = (images @ texts[0]).numpy()  # equal captions: none of them is wrong
    by_text = np.log(np.exp(logits).sum()) - logits.mean()
    assert alike.item() == pytest.approx(0.5 * (np.log(3) + by_text), rel=1e-4)


def test_the_saved_clip_scores_images_and_captions(made):
    scorer = ClipScorer.load(str(made / "clip"))
    images = to_tensor(np.load(made / "corpus/images.npy")[:3])
    texts = [record["prompt"] for record in records(made)[:3]]
    features = scorer.image_features(images), scorer.text_features(texts)
    for one in features:
        torch.testing.assert_close(one.norm(dim=-1), torch.ones(3))
    assert not torch.allclose(features[0][0], features[0][1])


def test_the_velocity_loss_is_that_of_the_schedule(made):
    model, scheduler = image_editor.EditorModel(made / "painter"), build_scheduler()
    target, source = torch.randn(2, 2, autoencoder.CHANNELS, SIZE // 8, SIZE // 8)
    tokens = text_encoder.tokenize(model.tokenizer, ["make the shirt red", ""])
    torch.manual_seed(5)
    found = text_to_image.velocity_loss(model, scheduler, target, tokens, source)
    torch.manual_seed(5)
    times, noise = draw_timesteps(2, 1000), torch.randn_like(target)
    kept = scheduler.alphas_cumprod[times].sqrt()[:, None, None, None]
    lost = (1 - kept**2).sqrt()
    with torch.no_grad():
        v = model.unet(torch.cat([kept * target + lost * noise, source], 1), times, model.text(tokens)[0]).sample
    assert found.item() == pytest.approx((v - kept * noise + lost * target).square().mean().item(), rel=1e-4)


@pytest.fixture(scope="module")
def edited(made) -> Path:
    """An editor of two steps on six pairs of two shards, of which one is not kept."""
    images = np.load(made / "corpus/images.npy")
    records = [{"instruction": f"make the shirt {c}"} for c in ("red", "blue", "green")]
    for number, start in enumerate((0, 6)):
        before, after = (torch.from_numpy(images[start + k : start + k + 3]) for k in (0, 3))
        latent = torch.zeros(3, autoencoder.CHANNELS, SIZE // 8, SIZE // 8, dtype=torch.float16)
        tensors = dict(zip(edit_pairs.TENSORS, (latent, latent, before, after), strict=True))
        edit_pairs.write_shard(made / f"pairs/shard-{number:05d}", edit_pairs.Pairs(records, tensors))
    kept = [{"shard": shard, "row": row} for shard in (0, 1) for row in range(3) if (shard, row) != (1, 1)]
    (made / "kept.jsonl").write_text("".join(json.dumps(one) + "\n" for one in kept))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(made))
        invoke(
            image_editor.main, painter=made / "painter", pairs=made / "pairs", kept=made / "kept.jsonl",
            out=made / "editor", steps=2, **{"batch-size": 4},
        )  # fmt: skip
    return made


def test_the_editor_is_trained_on_the_kept_pairs(edited):
    vae = open_vae(edited / "vae").eval()
    records = [json.loads(line) for line in (edited / "kept.jsonl").read_text().splitlines()]
    given = image_editor.encode_pairs(vae, edited / "pairs", records)
    assert given.instructions == [f"make the shirt {c}" for c in ("red", "blue", "green", "red", "green")]
    images = np.load(edited / "corpus/images.npy")
    for encoded, numbers in ((given.sources, (0, 1, 2, 6, 8)), (given.targets, (3, 4, 5, 9, 11))):
        expected = torch.cat([vae.encode(to_input(images[[n]])).latent_dist.mode() for n in numbers])
        torch.testing.assert_close(encoded, expected, atol=1e-4, rtol=1e-4)


def test_the_editor_starts_as_the_text_to_image_model_and_edits(edited):
    start, painter = image_editor.EditorModel(edited / "painter"), load_model(edited / "painter")
    x, t = torch.randn(2, autoencoder.CHANNELS, SIZE // 8, SIZE // 8), torch.tensor([10, 700])
    context = torch.randn(2, text_encoder.LENGTH, text_encoder.WIDTH)
    with torch.no_grad():
        own = start.unet(torch.cat([x, torch.randn_like(x)], 1), t, context).sample
        torch.testing.assert_close(own, painter.denoiser(x, t, context).sample)
    editor = load_editor(edited / "editor")
    assert editor.unet.config.in_channels == 2 * autoencoder.CHANNELS
    for written in (edited / "editor").rglob("*.json"):  # the folder that the parent was read from is named nowhere
        assert str(edited) not in written.read_text(), written
    source = to_png(np.load(edited / "corpus/images.npy")[0])
    how = {"batch_size": 1, "steps": 1, "guidance_text": 2.0, "guidance_image": 1.2}
    (result,) = edit_all(editor, [source], ["make the shirt red"], [3], **how)
    assert result.shape == (SIZE, SIZE, 3)
