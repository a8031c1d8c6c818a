"""Sampling from prompts, against diffusers' own pipelines on the same noise; and rows of prior preservation."""

import numpy as np
import pytest
import torch
from fixtures_concepts import PROMPTS, SAMPLING, build_sd3

from atelier.common.errors import UserError
from atelier.common.rng import derive_seed
from atelier.images.tensors import to_pixels
from atelier.models.base import decode_latents, to_latents
from atelier.models.loading import load_model, open_pipeline
from atelier.models.text_to_image import latent_shape
from atelier.sampling.edit import draw_noise
from atelier.sampling.text_to_image import generate, sample
from atelier.training.concept.dataset import make_class_rows

SEEDS = [3, 1, 8]


@pytest.mark.parametrize("name", ["sd", "sd3"])
def test_images_equal_diffusers_own_pipeline(request, name):
    model = request.getfixturevalue(name)
    pipeline = model.pipeline()
    pipeline.set_progress_bar_config(disable=True)
    options = {"max_sequence_length": 8} if name == "sd3" else {}
    theirs = pipeline(
        list(PROMPTS), latents=draw_noise(SEEDS, latent_shape(model)), num_inference_steps=SAMPLING["steps"],
        guidance_scale=SAMPLING["guidance"], output_type="np", **options,
    ).images  # fmt: skip
    ours = generate(model, PROMPTS, SEEDS, **SAMPLING).permute(0, 2, 3, 1).numpy()
    assert np.abs(theirs - ours).max() < 1e-3
    assert theirs.std() > 0.01


def test_prompts_are_encoded_as_diffusers_does_with_t5(tiny_editor_folder):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        pipeline = build_sd3(tiny_editor_folder, t5=True)
    model = open_pipeline(pipeline, device="cpu", t5_tokens=9)
    with torch.no_grad():
        context, _, pooled, _ = pipeline.encode_prompt(
            list(PROMPTS), None, None, max_sequence_length=9, do_classifier_free_guidance=False
        )
    words = model.encode(PROMPTS)
    assert context.shape == (3, 16 + 9, 40)
    torch.testing.assert_close(words.context, context)
    torch.testing.assert_close(words.pooled, pooled)


@pytest.mark.parametrize("name", ["sd", "sd3"])
def test_latents_are_scaled_and_shifted_as_the_pipeline_undoes_it(request, name):
    model = request.getfixturevalue(name)
    vae, pictures = model.parts["vae"], torch.rand(2, 3, 32, 32)
    raw = vae.encode(pictures * 2 - 1).latent_dist.mode()
    latents = to_latents(model, pictures)
    torch.testing.assert_close(latents, (raw - (0.1 if name == "sd3" else 0.0)) * 0.5)
    expected = (vae.decode(raw).sample / 2 + 0.5).clamp(0, 1)
    torch.testing.assert_close(decode_latents(model, latents), expected, atol=1e-5, rtol=1e-4)


def test_an_image_does_not_depend_on_its_batch(sd):
    together, parted = (generate(sd, PROMPTS, SEEDS, **SAMPLING, batch_size=size) for size in (3, 2))
    torch.testing.assert_close(parted, together, atol=1e-4, rtol=1e-3)
    alone = generate(sd, PROMPTS[1:2], SEEDS[1:2], **SAMPLING)
    torch.testing.assert_close(alone, together[1:2], atol=1e-4, rtol=1e-3)


def test_guidance_of_one_is_the_prompt_alone(sd):
    noise = draw_noise(SEEDS[:1], latent_shape(sd))
    scheduler = type(sd.parts["scheduler"]).from_config(sd.parts["scheduler"].config)
    scheduler.set_timesteps(3)
    latents, words = noise, sd.encode(PROMPTS[:1])
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            latents = scheduler.step(sd.network(latents, timestep, words), timestep, latents).prev_sample
    torch.testing.assert_close(sample(sd, noise, PROMPTS[:1], steps=3, guidance=1.0), latents, atol=1e-4, rtol=1e-3)


def test_class_rows_are_the_base_s_images_with_a_weight(sd):
    rows, again = (make_class_rows(sd, "a person", 3, 0.5, seed=4, **SAMPLING) for _ in range(2))
    assert [(row.prompt, row.weight, row.repeats) for row in rows] == [("a person", 0.5, 1)] * 3
    first = generate(sd, ["a person"], [derive_seed(4, "class", 0)], **SAMPLING)
    assert np.abs(to_pixels(first)[0].astype(int) - rows[0].pixels).max() <= 1
    assert not np.array_equal(rows[0].pixels, rows[1].pixels)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(rows, again, strict=True))


def test_prompts_that_no_text_encoder_reads_whole_are_counted_in_one_line(sd, tiny_editor_folder, capsys):
    prompts = ["make the shirt red", "red " * 14 + "and the shirt", "red " * 14 + "make blue"]
    generate(sd, [*prompts, prompts[1]], [1, 2, 3, 4], **SAMPLING)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("atelier:")]
    assert line.startswith("atelier: 2 of 3 prompts are longer than the text encoder reads")
    assert line.endswith("not read: “and the shirt”")
    for t5, tokens, unread in ((False, 30, "make blue"), (True, 30, ""), (True, 17, "blue")):
        model = open_pipeline(build_sd3(tiny_editor_folder, t5=t5), device="cpu", t5_tokens=tokens)
        assert model.unread(prompts[2]) == unread


def test_a_folder_without_t5_is_loaded_as_it_is(sd3_folder, sd3):
    model = load_model(sd3_folder, device="cpu", t5_tokens=8)
    assert model.parts["text_encoder_3"] is None
    assert torch.equal(generate(model, PROMPTS, SEEDS, **SAMPLING), generate(sd3, PROMPTS, SEEDS, **SAMPLING))


def test_dynamic_shifting_is_refused(tiny_editor_folder):
    pipeline = build_sd3(tiny_editor_folder)
    pipeline.scheduler.register_to_config(use_dynamic_shifting=True)
    with pytest.raises(UserError, match="use_dynamic_shifting is not supported"):
        open_pipeline(pipeline, device="cpu")
