"""The model card's own code, run as printed, makes the edits that this project makes."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline
from fixtures_finetuned import finetune_adapters, finetune_selectively
from PIL import Image

from atelier.export.model_card import write_card
from atelier.export.pipeline import export
from atelier.export.provenance import Provenance
from atelier.images.photo import open_photograph
from atelier.images.tensors import to_pixels, to_tensor
from atelier.models.instruct_pix2pix import Editor, open_weights
from atelier.sampling.edit import edit

FIRST, SECOND = 0, 1  # the card's blocks of code
GRID = [(text, image) for text in (0.0, 0.4, 1.0, 1.2, 7.5) for image in (0.0, 0.7, 0.99, 1.0, 1.5)]


class Finetuned(NamedTuple):
    """A fine-tuned folder of adapters, its export, and a photo that is neither square nor of the editor's size."""

    folder: Path
    exported: Path
    photo: Path


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory, tiny_editor_folder) -> Finetuned:
    """Its base has another scheduler than ours, and a text encoder in bfloat16 beside networks in float32."""
    folder = tmp_path_factory.mktemp("card")
    base = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_editor_folder, safety_checker=None)
    base.scheduler = EulerAncestralDiscreteScheduler.from_config(base.scheduler.config)
    base.text_encoder.bfloat16()
    base.save_pretrained(folder / "base")
    with torch.random.fork_rng():
        torch.manual_seed(4)
        finetuned = finetune_adapters(folder / "finetuned", folder / "base")
    export(finetuned, folder / "exported", folder)
    pixels = np.random.default_rng(3).integers(0, 256, (45, 61, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((305, 225)).save(folder / "photo.jpg", quality=95)
    return Finetuned(finetuned, folder / "exported", folder / "photo.jpg")


def card_for(made: Finetuned, **sampling: float) -> str:
    facts = json.loads((made.folder / "finetuned.json").read_text())
    return write_card(facts, Provenance({"generate": sampling}), facts.get("size", 32), adapters=True)


def run_card(card: str, made: Finetuned, *, adapters: bool = False) -> np.ndarray:
    """Run the card's code: the first block, with the second's pipeline in place of its own if `adapters`."""
    blocks = [block.split("```")[0] for block in card.split("```python\n")[1:]]
    before, call = blocks[FIRST].replace("photo.jpg", str(made.photo)).split("noise = ")
    names = dict(prepared((before + (blocks[SECOND] if adapters else "")).replace("THIS FOLDER", str(made.exported))))
    exec(compile(f"noise = {call}", "README.md", "exec"), names)
    return np.asarray(names["edited"]).astype(int)


@cache  # many cards differ in the call only
def prepared(code: str) -> dict[str, object]:
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


@cache
def opened(weights: Path) -> Editor:
    return open_weights(weights, device="cpu")


def edit_here(made: Finetuned, weights: Path, **sampling: float) -> np.ndarray:
    editor = opened(weights)
    source = to_tensor([open_photograph(made.photo, editor.size).square])
    return to_pixels(edit(editor, source, ["make the shirt red"], [0], **sampling))[0].astype(int)


@pytest.mark.parametrize(("text", "image"), GRID)
def test_its_code_makes_our_edit_also_where_diffusers_would_leave_guidance_out(made, text, image):
    sampling = {"steps": 2, "guidance_text": text, "guidance_image": image}
    theirs = run_card(card_for(made, **sampling), made)
    assert np.abs(theirs - edit_here(made, made.folder, **sampling)).max() <= 1  # rounding to 255 steps


@pytest.mark.parametrize("image", [0.7, 1.5])
def test_its_code_for_the_adapters_makes_our_edit_on_a_base_of_two_dtypes_and_another_scheduler(made, image):
    sampling = {"steps": 2, "guidance_text": 4.0, "guidance_image": image}
    theirs = run_card(card_for(made, **sampling), made, adapters=True)
    assert np.abs(theirs - edit_here(made, made.folder, **sampling)).max() <= 1


def test_it_says_where_diffusers_leaves_guidance_out_and_keeps_it_only_there(made):
    for text, image in GRID:
        card = card_for(made, steps=2, guidance_text=text, guidance_image=image)
        assert f"--steps 2 --guidance-text {text} --guidance-image {image}" in card
        left_out = text <= 1 or image < 1
        assert ("class Pipeline(" in card) == left_out
        assert ("leaves guidance out and makes another" in card) != left_out
    unknown = card_for(made)
    assert "class Pipeline(" not in unknown
    assert "num_inference_steps=100, guidance_scale=7.5, image_guidance_scale=1.5" in unknown  # diffusers' defaults
    assert "--steps 100 --guidance-text 7.5 --guidance-image 1.5" in unknown


def test_without_the_subclass_diffusers_makes_another_edit_there(made):
    sampling = {"steps": 2, "guidance_text": 1.2, "guidance_image": 0.7}
    plain = card_for(made, **sampling).replace("do_classifier_free_guidance = True", "pass")
    assert np.abs(run_card(plain, made) - edit_here(made, made.folder, **sampling)).max() > 1


@pytest.mark.parametrize("size", [16, 48])
def test_an_editor_is_exported_and_described_at_the_size_it_was_fine_tuned_at(made, tiny_editor_folder, tmp_path, size):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        folder = finetune_selectively(tmp_path / "finetuned", tiny_editor_folder, size=size)
    export(folder, tmp_path / "exported", tmp_path)
    mine = made._replace(folder=folder, exported=tmp_path / "exported")
    card = card_for(mine, steps=2)
    assert f"The editor was fine-tuned at {size} × {size} px." in card
    theirs = run_card(card, mine)
    assert theirs.shape == (size, size, 3)
    for weights in (folder, mine.exported):
        own = edit_here(mine, weights, steps=2, guidance_text=7.5, guidance_image=1.5)
        assert np.abs(theirs - own).max() <= 1


def test_weights_whose_size_is_unknown_are_described_at_the_base_s(made):
    assert "The editor works at 32 × 32 px." in card_for(made)
