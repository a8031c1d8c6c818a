"""What sampling need not do at each step: send to the device, wait for it, cast between precisions, encode anew."""

import contextlib
import copy
from collections import Counter
from dataclasses import replace

import pytest
import torch
from fixtures_training import assert_close_together
from torch.utils._python_dispatch import TorchDispatchMode

from atelier.models.base import autocast, encode_images, with_tensors
from atelier.models.instruct_pix2pix import Editor, encode_texts, load_editor, predict
from atelier.sampling import edit

PICTURES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
WORDS = ["make the shirt red", "change to a floral pattern", "add stripes to the clothes"]
SCALES = {"guidance_text": 2.0, "guidance_image": 1.3}


class Copies(TorchDispatchMode):
    """Counts copies from one device to another and casts from one precision to another."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function.overloadpacket is torch.ops.aten._to_copy:
            self.found["device"] += args[0].device != result.device
            self.found["precision"] += args[0].dtype != result.dtype
        return result


@pytest.fixture(scope="module", name="half")
def _half(tiny_editor_folder) -> Editor:
    return load_editor(tiny_editor_folder, "bfloat16", "cpu")


@pytest.fixture(name="fake")
def _fake(editor, monkeypatch) -> Editor:
    """The editor on a device without values: whatever would wait for it fails."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # which meta tensors don't know
    names = ("unet", "vae", "text_encoder")
    moved = {name: copy.deepcopy(getattr(editor, name)).to("meta") for name in names}
    return replace(editor, **moved, device=torch.device("meta"))


def test_the_steps_send_nothing_to_the_device_and_wait_for_nothing(fake):
    counts = []
    for steps in (1, 2, 7):
        with Copies() as copies:
            edit.edit(fake, PICTURES, WORDS, [0, 1, 2], steps=steps, **SCALES)
        counts.append(copies.found["device"])
    assert counts[0] > 0  # pictures, texts and noise
    assert len(set(counts)) == 1


def test_a_network_of_one_precision_is_not_cast(half):
    latents, texts = encode_images(half, PICTURES), encode_texts(half, WORDS)
    times = torch.tensor([5, 100, 900])
    with Copies() as copies:
        found = predict(half, latents, latents, times, texts)
    # latents, texts, times and their embedding, and the prediction
    assert copies.found["precision"] <= 5
    own = torch.cat([latents, latents], dim=1).bfloat16(), times, texts.bfloat16()
    assert torch.equal(found, half.unet(*own, return_dict=False)[0].float())


def test_a_network_with_trained_tensors_in_float32_is_cast(half, editor):
    trained = {name: tensor.float() for name, tensor in half.unet.named_parameters() if "attn2" in name}
    mixed = with_tensors(half, trained)
    assert (half.mixed, mixed.mixed, editor.mixed) == (False, True, False)
    assert [autocast(one)._enabled for one in (half, mixed, editor)] == [False, True, False]
    latents, texts = encode_images(half, PICTURES), encode_texts(half, WORDS)
    given = latents, latents, torch.tensor([5, 100, 900]), texts
    assert_close_together({"": predict(half, *given)}, {"": predict(mixed, *given)})


def test_one_picture_for_all_instructions_is_encoded_once(editor, monkeypatch):
    each = edit.edit(editor, PICTURES[:1].expand(3, -1, -1, -1), WORDS, [0, 1, 2], steps=2, **SCALES)
    given, real = [], editor.vae.encode
    monkeypatch.setattr(editor.vae, "encode", lambda pixels: given.append(len(pixels)) or real(pixels))
    once = edit.edit(editor, PICTURES[:1], WORDS, [0, 1, 2], steps=2, **SCALES)
    assert given == [1]
    torch.testing.assert_close(once, each, atol=1e-5, rtol=0)
