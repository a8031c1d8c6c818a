"""Damaged files that a study's stages hand to each other are refused in one line that names the file."""

import pytest
import torch
from safetensors.torch import save

from atelier.common.errors import UserError
from atelier.common.tensor_files import read_arrays
from studies.anomaly.sampling import read_groups
from studies.logo.detector_data import read_labelled
from studies.logo.results import read_pictures

WHOLE = save({"000": torch.zeros(2, 4, 4, 3, dtype=torch.uint8)})


@pytest.mark.parametrize("content", [None, b"", b"no tensors", WHOLE[:-5], WHOLE[:9]])
@pytest.mark.parametrize("read", [read_groups, read_labelled, read_arrays, lambda path: read_pictures(path.parent)])
def test_a_damaged_tensor_file_is_one_line(tmp_path, read, content):
    path = tmp_path / "pictures.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=str(tmp_path)) as refusal:
        read(path)
    assert "\n" not in str(refusal.value)
