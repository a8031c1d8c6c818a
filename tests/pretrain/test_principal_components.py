"""The encoder that is written and not trained: principal components of patches, exactly."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from pretrain import autoencoder
from pretrain.common.autoencoder import to_input
from pretrain.corpus import compose_person
from pretrain.principal_components import WHITENED, find_components, write_encoder

SIZE, KEPT = 64, (16, 32, 8)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return to_input(np.stack([compose_person(1, number, SIZE).image for number in range(24)]))


def test_components_are_those_of_a_singular_value_decomposition(pictures):
    """Without truncation in between: the 2 × 2 and 4 × 4 stages keep all of their 12 and 48 components."""
    code = find_components(pictures, (12, 48, 8))
    found = code.encode(pictures).permute(0, 2, 3, 1).reshape(-1, 8).numpy()
    blocks = torch.nn.functional.unfold(pictures, 8, stride=8).transpose(1, 2).reshape(-1, 192).double().numpy()
    scores = np.linalg.svd(blocks - blocks.mean(0), full_matrices=False)
    expected = scores[0] * scores[1]
    for number in range(8):
        together = np.corrcoef(found[:, number], expected[:, number])[0, 1]
        assert abs(together) == pytest.approx(1, abs=1e-4)
    deviation = expected[:, :8].std(0, ddof=1)
    np.testing.assert_allclose(code.deviation, deviation ** (1 - WHITENED), rtol=1e-3)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)


def test_the_written_encoder_computes_the_components_and_is_frozen(pictures):
    code = find_components(pictures, (*autoencoder.WIDTHS[:2], autoencoder.CHANNELS))
    vae = autoencoder.build(SIZE)
    write_encoder(vae, code)
    with torch.no_grad():
        posterior = vae.encode(pictures).latent_dist
    error = (posterior.mode() - code.encode(pictures)).abs().amax((0, 2, 3)) / code.deviation
    assert error.max() < 2e-3
    assert posterior.std.max() < 0.01
    assert not any(p.requires_grad for p in vae.encoder.parameters())
    assert all(p.requires_grad for p in vae.decoder.parameters())


def test_an_encoder_that_cannot_hold_the_components_is_refused(pictures):
    code = find_components(pictures, KEPT)
    grouped = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=autoencoder.WIDTHS, layers_per_block=1, latent_channels=8, norm_num_groups=8,
        mid_block_add_attention=False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="one norm group"):
        write_encoder(grouped, code)
    with pytest.raises(ValueError, match="of 64 components needs"):
        write_encoder(autoencoder.build(SIZE), find_components(pictures, (16, 32, 64)))


def test_training_changes_the_decoder_alone_and_lowers_its_loss(pictures):
    torch.manual_seed(0)
    code = find_components(pictures, (*autoencoder.WIDTHS[:2], autoencoder.CHANNELS))
    vae = autoencoder.build(SIZE)
    write_encoder(vae, code)
    before = {name: one.clone() for name, one in vae.encoder.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in vae.parameters() if p.requires_grad], lr=2e-3)
    losses = []
    for _ in range(12):
        loss, shown = autoencoder.training_loss(vae, code, pictures[:4])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert set(shown) == {"psnr"}
    assert all(torch.equal(one, before[name]) for name, one in vae.encoder.state_dict().items())
