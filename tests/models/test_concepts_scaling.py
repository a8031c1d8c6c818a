"""A LoRA at other strengths: itself at 1, its base at 0, and what merging the matrices by hand gives between."""

import pytest
import torch
from fixtures_concepts import ADAPTERS, learn, make_task

from atelier.models.scaling import scale_adapters
from atelier.training.concept import generate

PROMPTS, SEEDS, SAMPLING = ["make the shirt red <logo>"] * 2, [1, 2], {"steps": 2, "guidance": 3.0}


@pytest.fixture(scope="module")
def taught(sd, tmp_path_factory):
    return learn(make_task(sd, epochs=1, **ADAPTERS), tmp_path_factory.mktemp("lora"))


def test_one_is_the_model_and_zero_the_base_to_the_bit(sd, taught):
    itself, base = (generate(model, PROMPTS, SEEDS, **SAMPLING) for model in (taught, sd))
    assert not torch.equal(itself, base)
    assert torch.equal(generate(scale_adapters(taught, 1.0), PROMPTS, SEEDS, **SAMPLING), itself)
    assert torch.equal(generate(scale_adapters(taught, 0.0), PROMPTS, SEEDS, **SAMPLING), base)
    assert torch.equal(generate(taught, PROMPTS, SEEDS, **SAMPLING), itself)  # it was left as it is


@pytest.mark.parametrize("scale", [-0.5, 0.4, 2.0])
def test_between_it_is_the_base_plus_so_much_of_the_product(sd, taught, scale):
    found = dict(scale_adapters(taught, scale).networks.unet.named_modules())
    trained, base = (dict(model.networks.unet.named_modules()) for model in (taught, sd))
    names = [name for name, layer in trained.items() if hasattr(layer, "lora_A")]
    assert names
    for name in names[:3]:
        first, second = trained[name].lora_A["default"].weight, trained[name].lora_B["default"].weight
        merged = base[name].weight + scale * ADAPTERS["lora_alpha"] / ADAPTERS["lora_rank"] * second @ first
        given = torch.randn(4, merged.shape[1], generator=torch.Generator().manual_seed(1))
        expected = torch.nn.functional.linear(given, merged, base[name].bias)
        torch.testing.assert_close(found[name](given), expected, rtol=1e-4, atol=1e-5)


def test_the_text_encoders_adapters_are_scaled_too(sd, taught):
    for scale, model in ((1.0, taught), (0.0, sd)):
        scaled = scale_adapters(taught, scale).encode(PROMPTS).context
        assert torch.equal(scaled, model.encode(PROMPTS).context)
    assert not torch.equal(taught.encode(PROMPTS).context, sd.encode(PROMPTS).context)


def test_a_model_without_adapters_is_refused(sd):
    with pytest.raises(ValueError, match="no adapters"):
        scale_adapters(sd, 0.5)
