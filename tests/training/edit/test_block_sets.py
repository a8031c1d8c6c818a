import re
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

from atelier.common.errors import UserError
from atelier.models.meta import build_full_size
from atelier.training.edit import block_sets
from atelier.training.edit.block_sets import table

COUNTS = {  # facts of the public editor's UNet: SD-1.5's with 8 input channels
    "attn": 68_743_360, "attn+mid": 157_260_480, "attn+mid+up": 204_885_120, "attn+mid+res": 610_018_560,
    "all": 859_532_484,
}  # fmt: skip


@pytest.fixture(scope="module", name="full_size")
def _full_size() -> torch.nn.Module:
    return build_full_size()


def test_sets_nest_and_have_exact_counts_on_the_full_size_unet(full_size):
    sets = {name: set(block_sets.select(full_size, name)) for name in block_sets.BLOCK_SETS}
    assert {name: block_sets.count(full_size, chosen) for name, chosen in sets.items()} == COUNTS
    assert block_sets.count(full_size) == COUNTS["all"]
    assert all(smaller < larger for smaller, larger in pairwise(sets.values()))


def test_what_the_paper_leaves_out_stays_frozen(full_size):
    chosen = [name for name in block_sets.select(full_size, "attn+mid+up") if not name.startswith("mid_block.")]
    left_out = r"attn2\.to_q|attn1\.to_out|norm|time_emb_proj|samplers|\.ff\.|proj_in|proj_out|up_blocks\.[01]\.resnets"
    assert not [name for name in chosen if re.search(left_out, name)]
    assert "up_blocks.2.resnets.0.conv_shortcut.weight" in chosen
    assert "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0.bias" in chosen


def test_an_unknown_set_and_one_that_names_nothing_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"'attn\+tail' is not a block set; one of attn, attn\+mid"):
        block_sets.select(torch.nn.Linear(2, 2), "attn+tail")
    with pytest.raises(UserError, match="names no parameter"):
        block_sets.select(torch.nn.Linear(2, 2), "attn+mid")
    with pytest.raises(UserError, match="no editor there"):
        table(tmp_path)


def test_reading_the_parameters_does_not_load_torch():
    probe = "import sys, atelier.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False, env={"PYTHONPATH": "src"}).returncode == 0


def test_the_table_of_the_full_size_layout_has_the_papers_share():
    rows = {line.split()[0]: line.split()[1:] for line in table(None).splitlines()}
    assert rows["attn+mid+up"] == ["204,885,120", "23.84%"]
    assert rows["all"] == ["859,532,484", "100.00%"]


def test_the_table_of_a_base_reads_its_layout_only(tiny_editor_folder, tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/config.json").write_text((tiny_editor_folder / "unet/config.json").read_text())
    assert table(tmp_path).splitlines()[1:] == table(tiny_editor_folder).splitlines()[1:]
    assert [line.split()[0] for line in table(tmp_path).splitlines()[1:]] == list(block_sets.BLOCK_SETS)
