"""A LoRA at other strengths: the model at 1, its base at 0, and in between what merging the matrices gives."""

import pytest
import torch
from fixtures_concepts import ADAPTERS, learn, make_task

from atelier.models.lora import scale_adapters
from atelier.sampling.text_to_image import generate

PROMPTS, SEEDS, SAMPLING = ["make the shirt red <logo>"] * 2, [1, 2], {"steps": 2, "guidance": 3.0}


@pytest.fixture(scope="module")
def trained_model(sd, tmp_path_factory):
    return learn(make_task(sd, epochs=1, **ADAPTERS), tmp_path_factory.mktemp("lora"))


def test_one_is_the_model_and_zero_the_base_bit_for_bit(sd, trained_model):
    itself, base = (generate(model, PROMPTS, SEEDS, **SAMPLING) for model in (trained_model, sd))
    assert not torch.equal(itself, base)
    assert torch.equal(generate(scale_adapters(trained_model, 1.0), PROMPTS, SEEDS, **SAMPLING), itself)
    assert torch.equal(generate(scale_adapters(trained_model, 0.0), PROMPTS, SEEDS, **SAMPLING), base)
    assert torch.equal(generate(trained_model, PROMPTS, SEEDS, **SAMPLING), itself)  # it does not change
    for scale, model in ((1.0, trained_model), (0.0, sd)):  # the text encoder's too
        scaled = scale_adapters(trained_model, scale).encode(PROMPTS).context
        assert torch.equal(scaled, model.encode(PROMPTS).context)
    assert not torch.equal(trained_model.encode(PROMPTS).context, sd.encode(PROMPTS).context)


@pytest.mark.parametrize("scale", [-0.5, 0.4, 2.0])
def test_in_between_it_is_the_base_plus_the_scaled_product(sd, trained_model, scale):
    found = dict(scale_adapters(trained_model, scale).network.unet.named_modules())
    trained, base = (dict(model.network.unet.named_modules()) for model in (trained_model, sd))
    names = [name for name, layer in trained.items() if hasattr(layer, "lora_A")]
    assert names
    for name in names[:3]:
        first, second = trained[name].lora_A["default"].weight, trained[name].lora_B["default"].weight
        merged = base[name].weight + scale * ADAPTERS["lora_alpha"] / ADAPTERS["lora_rank"] * second @ first
        given = torch.randn(4, merged.shape[1], generator=torch.Generator().manual_seed(1))
        expected = torch.nn.functional.linear(given, merged, base[name].bias)
        torch.testing.assert_close(found[name](given), expected, rtol=1e-4, atol=1e-5)


def test_a_model_without_adapters_is_refused(sd):
    with pytest.raises(ValueError, match="no adapters"):
        scale_adapters(sd, 0.5)
