"""What a folder source reads, leaves out and counts; ids by the path below it; sources that are not here."""

import json
import os

import pytest
from fixtures_pairs import prepare_all
from import_graph import ROOT
from schema_files import BASE, as_bytes, mask_bytes, read, write_deepfashion, write_deepfashion2, write_folder

from atelier.common.errors import UserError
from atelier.config import Prepare, read_params
from atelier.data.prepare import open_shards
from atelier.data.schemas import count_left_out

PICTURE = as_bytes(BASE)
MODELS = read_params(ROOT / "params.yaml").models


def write(folder, **files):
    """Write files below a folder; a "/" in a name makes a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def names(readings):
    return [reading.item.item_id if reading.item else reading.refused for reading in readings]


def test_other_extensions_of_pictures_are_read_and_the_rest_is_counted_by_kind(tmp_path, capsys):
    real = write(tmp_path / "real", **{"linked.png": PICTURE})
    extra = {"a.txt": b"a shirt", "notes.txt": b"a shirt", "metadata.json": b"[]", "b.heic": b"?", "README": b""}
    source = write(
        tmp_path / "in",
        **{"a.png": PICTURE, "b.jfif": as_bytes(BASE, "JPEG"), "c.avif": as_bytes(BASE, "AVIF"), "d.JPG": PICTURE},
        **{"a.mask.png": mask_bytes()},
        **extra,
    )
    (source / "more").symlink_to(real)
    (source / "again").symlink_to(real)
    assert names(read(source, "folder")) == ["a.png", "again/linked.png", "b.jfif", "c.avif", "d.JPG"]
    counts = {".heic": 1, ".json": 1, ".txt": 1, "link to a folder read already": 1, "no extension": 1}
    assert count_left_out(str(source), "folder") == counts
    told = capsys.readouterr().err.splitlines()
    assert (
        told.pop()
        == f"atelier: {source / 'again'}: a link to the folder {real} outside of the source; its files are read"
    )
    assert told[-1].endswith("metadata.json: left out; metadata is read from metadata.jsonl or metadata.csv")
    kinds = "5 files left out: .heic 1, .json 1, .txt 1, link to a folder read already 1, no extension 1"
    assert told[0].endswith(kinds)


def test_pictures_that_no_line_names_are_counted(tmp_path):
    row = {"file_name": "./a.png", "mask": "drawn/a.png"}
    write(tmp_path, **{"a.png": PICTURE, "drawn/a.png": mask_bytes(), "b.png": PICTURE, "metadata.jsonl": lines(row)})
    assert names(read(tmp_path, "folder")) == ["a.png"]
    assert count_left_out(str(tmp_path), "folder") == {"picture that no line names": 1}


def test_pictures_in_a_loop_of_links_or_above_the_source_are_read_once(tmp_path):
    source = write(tmp_path / "in", **{"sub/a.png": PICTURE})
    for link, target in (("loop", "."), ("above", tmp_path), ("same", "sub")):
        (source / link).symlink_to(target)
    assert names(read(source, "folder")) == ["sub/a.png"]


def test_a_link_to_a_file_outside_is_refused_and_one_inside_is_read(tmp_path):
    source = write(tmp_path / "in", **{"sub/a.png": PICTURE})
    write(tmp_path, **{"secret.png": PICTURE})
    (source / "b.png").symlink_to("sub/a.png")
    (source / "c.png").symlink_to(tmp_path / "secret.png")
    assert names(read(source, "folder")) == ["b.png", "name leads out of its folder", "sub/a.png"]
    (source / "metadata.jsonl").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="a link that leads out of the source"):
        read(source, "folder")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nothing")], ids=["pipe", "broken link"])
@pytest.mark.parametrize(("name", "schema"), [("metadata.jsonl", "folder"), ("more.parquet", "deepfashion")])
def test_a_part_of_the_source_that_is_no_file_is_not_passed_over(tmp_path, make, name, schema):
    write_deepfashion(tmp_path, [PICTURE])
    write_folder(tmp_path, [PICTURE])
    make(tmp_path / name)
    with pytest.raises(UserError, match=f"{name}: (no plain file|broken link); expected"):
        read(tmp_path, schema)


def test_items_are_named_by_their_path_below_the_source(tmp_path):
    rows = lines({"file_name": "front.png"}, {"file_name": "./back.png"})
    for garment in range(3):
        write(tmp_path / f"garment{garment}", **{"front.png": PICTURE, "back.png": PICTURE, "metadata.jsonl": rows})
    readings = read(tmp_path, "folder")
    assert names(readings) == [f"garment{n}/{side}.png" for n in range(3) for side in ("front", "back")]
    assert readings[0].image_id == "seen-000000-garment0/front.png"
    given = lines({"file_name": "front.png", "item_id": 12.0}, {"file_name": "back.png", "item_id": "12"})
    write(tmp_path / "garment0", **{"metadata.jsonl": given})
    assert names(read(tmp_path, "folder"))[:3] == ["12", "12", "garment1/front.png"]


def test_of_tables_and_deepfashion2_the_other_files_are_counted(tmp_path):
    for name, writer in (("tables", write_deepfashion), ("annotated", write_deepfashion2)):
        (tmp_path / name).mkdir()
        writer(tmp_path / name, [PICTURE])
    write(tmp_path / "tables", **{"dataset.json": b"", "old/a.csv": b""})
    write(tmp_path / "annotated", **{"annos/notes.txt": b"", "image/000009.jpg": PICTURE})
    assert count_left_out(str(tmp_path / "tables"), "deepfashion") == {".csv": 1, ".json": 1}
    assert count_left_out(str(tmp_path / "annotated"), "deepfashion2") == {".jpg": 1, ".txt": 1}
    for where in ("world:studio", "somebody/garments", str(tmp_path / "none")):
        assert count_left_out(where, "deepfashion") == {}


@pytest.mark.parametrize(
    ("where", "schema"),
    [
        *((name, "folder") for name in ("mydata", "mydata/photos", "data/photos", "my data", "~nobody-here/photos")),
        *(
            (name, "deepfashion")
            for name in ("data/photos", "a/b/c", "rows.json", "photos/", "data\\photos", "x" * 300)
        ),
        *((name, "triplets") for name in ("data/x.parquet", "./photos", "/photos", "a/" + "b" * 300, "a\0b")),
        *((name, schema) for name in ("mydata", "somebody/data") for schema in ("deepfashion2", "fashionpedia_json")),
    ],
)
def test_a_local_source_that_is_not_here_is_never_asked_of_the_hub(tmp_path, monkeypatch, where, schema):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: pytest.fail("asked the hub"))
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match=r"no such (file|folder).* here; expected|home directory") as caught:
        read(where, schema)
    if "home" not in str(caught.value):
        assert str(caught.value).endswith("in a temporary experiment only what git or DVC tracks is there")


@pytest.mark.parametrize(
    ("where", "schema", "asked"),
    [
        ("garments", "deepfashion", "garments"),
        ("somebody/garments", "triplets", "somebody/garments"),
        ("hf://somebody/garments", "folder", "somebody/garments"),
        ("hf://datasets/data/garments", "deepfashion", "data/garments"),
    ],
)
def test_a_name_of_the_hub_is_asked_of_it(tmp_path, monkeypatch, where, schema, asked):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    calls = []

    def load(name, **_):
        calls.append(name)
        raise ConnectionError("away")

    monkeypatch.setattr("datasets.load_dataset", load)
    with pytest.raises(UserError, match="cannot be read: away"):
        read(where, schema)
    assert calls == [asked]


@pytest.fixture(name="params")
def _params(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    return Prepare(
        size=16, fit="letterbox", seen=str(tmp_path / "seen"), seen_schema="folder", seen_rows=99,
        unseen="world:street",
        unseen_schema="fashionpedia", unseen_rows=2, columns="", find_masks=False, max_refused=0.5, seed=7,
    )  # fmt: skip


def test_the_report_counts_refused_rows_and_what_was_left_out(tmp_path, params):
    files = {f"{n}.png": PICTURE for n in range(4)} | {os.fsdecode(b"\xff.png"): PICTURE, "5.png": b"?", "a.heic": b""}
    write(tmp_path / "seen", **files)
    report = prepare_all(params, tmp_path / "items.parquet")
    assert report["seen"]["left_out"] == {".heic": 1}
    assert report["seen"]["refused"] == {"total": 2, "file_name is not Unicode": 1, "not a picture": 1}
    assert "left_out" not in report["unseen"]
    json.dumps(report, ensure_ascii=False).encode()


def test_an_interrupted_reading_is_known_by_the_linked_folders_too_and_no_pipe_is_waited_for(tmp_path, params):
    write(tmp_path / "seen", **{"a.png": PICTURE})
    write(tmp_path / "real", **{"b.png": PICTURE})
    (tmp_path / "seen" / "more").symlink_to(tmp_path / "real")
    before = open_shards(params, MODELS).folder
    assert open_shards(params, MODELS).folder == before
    (tmp_path / "real" / "b.png").write_bytes(mask_bytes())
    assert open_shards(params, MODELS).folder != before
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), "~nobody-here/photos"):
        with pytest.raises(UserError):
            open_shards(params.model_copy(update={"seen": name}), MODELS)
