import dataclasses

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from safetensors.torch import save, save_file

from atelier.common.errors import UserError
from atelier.common.records import Edit, Probe
from atelier.common.rng import derive_seed
from atelier.config import Generate
from atelier.images.tensors import from_png, to_pixels, to_png, to_tensor
from atelier.models.base import decode_latents, encode_images, with_tensors
from atelier.models.instruct_pix2pix import apply_trained, encode_texts, load_editor, open_weights
from atelier.models.loading import choose_device
from atelier.sampling import edit
from atelier.sampling.plan import plan_edits

WORDS = ["make the shirt red", "change to a floral pattern", "add stripes to the clothes"]
PICTURES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
SAMPLING = {"steps": 4, "guidance_text": 2.0, "guidance_image": 1.3}


@pytest.mark.parametrize("guidance", [(2.0, 1.3), (7.5, 1.5)])
def test_edits_equal_diffusers_own_pipeline(tiny_editor_folder, editor, guidance):
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_editor_folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    seeds = [3, 4, 5]
    expected = pipeline(
        prompt=WORDS, image=PICTURES, latents=edit.draw_noise(seeds, (4, 8, 8)), num_inference_steps=4,
        guidance_scale=guidance[0], image_guidance_scale=guidance[1], output_type="pt",
    ).images  # fmt: skip
    scales = dict(zip(("guidance_text", "guidance_image"), guidance, strict=True))
    ours = edit.edit(editor, PICTURES, WORDS, seeds, steps=4, **scales)
    assert (ours - expected).abs().max() < 1e-5
    assert ours.std() > 0.01  # something to compare


def test_guidance_of_one_is_the_fully_conditioned_branch(editor):
    conditions, texts = encode_images(editor, PICTURES), encode_texts(editor, WORDS)
    noise, empty = edit.draw_noise([0, 1, 2], (4, 8, 8)), encode_texts(editor, [""]).expand(3, -1, -1)
    once = {"steps": 1, "guidance_text": 1.0, "guidance_image": 1.0}
    from_other_empty = edit.sample(editor, noise, conditions, texts, torch.randn_like(empty), **once)
    torch.testing.assert_close(edit.sample(editor, noise, conditions, texts, empty, **once), from_other_empty)
    with_other_text = edit.sample(editor, noise, conditions, texts.flip(0), empty, **once)
    assert not torch.allclose(with_other_text, from_other_empty)


def test_an_edit_depends_on_its_seed_and_not_on_its_batch_and_changes_no_scheduler(editor):
    before = dict(vars(editor.scheduler))
    together = edit.edit(editor, PICTURES, WORDS, [7, 8, 9], **SAMPLING)
    assert all(value is before[name] for name, value in vars(editor.scheduler).items())
    alone = edit.edit(editor, PICTURES[1:2], WORDS[1:2], [8], **SAMPLING)
    torch.testing.assert_close(alone[0], together[1], atol=1e-5, rtol=0)
    reseeded = edit.edit(editor, PICTURES[1:2], WORDS[1:2], [80], **SAMPLING)
    assert (reseeded - alone).abs().max() > 0.01


def edit_probes(editor, pictures, model: str, **changes) -> list[Edit]:
    """Edit a probe of each picture."""
    blank = {field.name: None for field in dataclasses.fields(Probe)}
    probes = [
        Probe(**blank | {"probe_id": f"p{number}", "prompt": WORDS[number], "source": to_png(pixels)})
        for number, pixels in enumerate(to_pixels(pictures))
    ]
    settings = Generate(**SAMPLING, seed=7, **{"sweep_probes": 0, "sweep_text": "1.0", "sweep_image": "1.0"} | changes)
    return list(edit.edit_probes(editor, plan_edits(probes, settings), model, settings))


def test_probes_are_edited_in_order_and_whatever_the_batch_size(editor):
    runs = []
    for batch_size in (1, 2):
        rows = edit_probes(editor, PICTURES, "baseline", batch_size=batch_size)
        assert [(row.probe_id, row.model) for row in rows] == [(f"p{n}", "baseline") for n in range(3)]
        runs.append(np.stack([from_png(row.edited) for row in rows]).astype(int))
    assert runs[0].shape == (3, 32, 32, 3)
    assert np.abs(runs[0] - runs[1]).max() <= 1  # one step of 255: rounding


def test_a_sweep_is_edited_with_the_guidance_that_its_rows_name(editor):
    rows = edit_probes(editor, PICTURES[:1], "finetuned", batch_size=2, sweep_probes=1, sweep_text="0.0+9.0")
    assert [row.kind for row in rows] == ["edit", "sweep", "sweep"]
    for row in rows:
        scales = {"guidance_text": row.guidance_text, "guidance_image": row.guidance_image}
        alone = edit.edit(editor, PICTURES[:1], WORDS[:1], [derive_seed(7, "p0")], **SAMPLING | scales)
        np.testing.assert_allclose(from_png(row.edited).astype(int), to_pixels(alone)[0].astype(int), atol=1)
    assert len({row.edited for row in rows}) == 3


def test_one_line_says_that_probes_have_another_size_than_the_editor_was_fine_tuned_at(editor, capsys):
    for size, told in ((None, ""), (32, ""), (64, "fine-tuned at 64 px, but the images to edit have 32 px")):
        edit_probes(dataclasses.replace(editor, trained_size=size), PICTURES[:1], "finetuned", batch_size=1)
        printed = capsys.readouterr().err
        assert told in printed
        assert len(printed.splitlines()) == bool(told)


def test_pictures_of_another_size_and_shape_keep_it(editor):
    wide = torch.rand(1, 3, 40, 56)
    assert edit.edit(editor, wide, WORDS[:1], [1], **SAMPLING).shape == wide.shape


@torch.no_grad()
def test_encoding_is_the_posteriors_mode_unscaled(editor):
    latents = editor.vae.encode(PICTURES * 2 - 1).latent_dist.mode()
    torch.testing.assert_close(encode_images(editor, PICTURES), latents)
    expected = (editor.vae.decode(latents).sample / 2 + 0.5).clamp(0, 1)
    torch.testing.assert_close(decode_latents(editor, latents * editor.scaling_factor), expected)


def test_a_long_instruction_is_cut_to_the_tokenizers_length(editor):
    assert encode_texts(editor, ["make the shirt red " * 20]).shape == (1, 16, 16)


def test_tensors_are_replaced_in_a_copy_and_trained_ones_in_the_base_they_name(editor, tiny_editor_folder, tmp_path):
    name, own = "mid_block.resnets.0.conv1.weight", dict(editor.unet.named_parameters())
    before, trained = own[name].clone(), torch.randn_like(own[name])
    other = with_tensors(editor, {name: trained})
    assert {n for n, p in other.unet.named_parameters() if p.data_ptr() != own[n].data_ptr()} == {name}
    assert torch.equal(own[name], before)
    save_file({name: trained}, tmp_path / "trained.safetensors")
    (tmp_path / "finetuned.json").write_text(f'{{"base": "{tiny_editor_folder}"}}')
    expected = dict(other.unet.named_parameters())
    for found, parameter in open_weights(tmp_path, device="cpu").unet.named_parameters():
        assert torch.equal(parameter, expected[found])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((save({name: torch.zeros(3)}), "does not fit this UNet") for name in ("mid_block.nothing", "conv_in.bias")),
        (None, r"trained\.safetensors is missing"),
        (b"not tensors", r"trained\.safetensors: damaged"),
    ],
    ids=["unknown name", "other shape", "missing", "corrupt"],
)
def test_tensors_that_do_not_fit_or_cannot_be_read_are_refused(editor, tmp_path, content, message):
    if content is not None:
        (tmp_path / "trained.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=message):
        apply_trained(editor, tmp_path)


def test_a_folder_without_an_editor_is_refused_in_one_line_and_so_is_an_absent_cuda(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no editor to load") as refusal:
        load_editor(tmp_path / "empty", device="cpu")
    assert "\n" not in str(refusal.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"models\.device"):
        choose_device("cuda")


def test_bfloat16_edits_stay_close(tiny_editor_folder, editor):
    half = load_editor(tiny_editor_folder, "bfloat16", "cpu")
    assert {parameter.dtype for parameter in half.unet.parameters()} == {torch.bfloat16}
    exact, close = (edit.edit(model, PICTURES, WORDS, [1, 2, 3], **SAMPLING) for model in (editor, half))
    assert (exact - close).abs().mean() < 0.02


def test_seeds_differ_by_probe_and_by_setting():
    seeds = {derive_seed(seed, f"p{number}") for seed in range(3) for number in range(50)}
    assert len(seeds) == 150
    assert derive_seed(7, "p1") == 6236990408392559630  # fixed: another value changes every image


def test_picture_tensor_round_trip():
    assert np.array_equal(to_pixels(to_tensor(to_pixels(PICTURES))), to_pixels(PICTURES))
