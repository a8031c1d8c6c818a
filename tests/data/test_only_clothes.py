"""Pairs whose instruction names no clothes are left out on request, and do not count as unusable."""

import pytest
from fixtures_pairs import prepare_all
from schema_files import BASE, as_bytes

from atelier.common.errors import UserError
from atelier.common.records import Item, read_rows
from atelier.config import Prepare
from atelier.data.schemas import NO_CLOTHES

TEXTS = ["make the shirt red"] * 3 + ["let it snow"] * 9


def write_pairs(folder, texts):
    for side in ("control", "target"):
        (folder / side).mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        for side in ("control", "target"):
            (folder / side / f"{number}.png").write_bytes(as_bytes(BASE))
        (folder / "target" / f"{number}.txt").write_text(text)
    return str(folder)


def test_pairs_without_clothes_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params = Prepare(
        size=16, fit="letterbox", seen=write_pairs(tmp_path / "mine", TEXTS), seen_schema="before_after", seen_rows=50,
        unseen="world:street", unseen_schema="fashionpedia", unseen_rows=1, columns="", only_clothes=True,
        find_masks=False, max_refused=0.05, seed=7,
    )  # fmt: skip
    report = prepare_all(params, tmp_path / "items.parquet")
    assert report["seen"]["refused"] == {"total": 9, NO_CLOTHES: 9}
    assert (report["seen"]["kept"], report["seen"]["garments"]) == (3, {"shirt": 3})
    seen = [item.instruction for item in read_rows(tmp_path / "items.parquet", Item) if item.domain == "seen"]
    assert seen == TEXTS[:3]
    everything = params.model_copy(update={"only_clothes": False})
    assert prepare_all(everything, tmp_path / "items.parquet")["seen"]["kept"] == 12
    write_pairs(tmp_path / "mine", TEXTS[3:] + TEXTS[3:6])
    with pytest.raises(UserError, match=r"none of 12 instructions names clothes, as prepare\.only_clothes asks"):
        prepare_all(params, tmp_path / "items.parquet")
