"""`atelier edit` from the command line: real photos, both forms, and errors of one line."""

import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from fixtures_cli_edit import WORDS, pixels, run_edit
from PIL import Image
from safetensors.torch import save_file

from atelier.models.instruct_pix2pix import load_editor

pytestmark = pytest.mark.usefixtures("edit_project")


def refusal(*words: str) -> str:
    """Run the command, which must fail without writing anything; return its error line."""
    before = sorted(Path().rglob("*"))
    result = run_edit(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sorted(Path().rglob("*")) == before
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    return last


def test_a_real_photo_keeps_its_size_and_use_of_the_base_is_reported():
    result = run_edit("hopper.jpg", WORDS, "-o", "out/red.png")
    assert result.exit_code == 0, result.output
    assert result.stdout == "out/red.png\n"
    assert "no fine-tuned editor in models/finetuned: editing with the base" in result.stderr
    assert pixels("out/red.png").shape == pixels("hopper.jpg").shape
    assert (pixels("out/red.png") != pixels("hopper.jpg")).mean() > 0.5


def test_the_last_fine_tuned_editor_is_the_default(edit_networks):
    editor = load_editor(edit_networks["editor"], device="cpu")
    name = "conv_out.weight"
    Path("models/finetuned").mkdir(parents=True)
    save_file({name: -dict(editor.unet.named_parameters())[name].detach()}, "models/finetuned/trained.safetensors")
    facts = f'{{"base": "{edit_networks["editor"]}", "method": "selective"}}'
    Path("models/finetuned/finetuned.json").write_text(facts)
    tuned = run_edit("small.png", WORDS, "-o", "tuned.png", "--mask", "none")
    assert (tuned.exit_code, tuned.stderr) == (0, "")
    named = run_edit("small.png", WORDS, "-o", "base.png", "--mask", "none", "--weights", edit_networks["editor"])
    assert (named.exit_code, named.stderr) == (0, "")
    assert (pixels("tuned.png") != pixels("base.png")).any()


def test_nothing_changes_outside_a_given_mask():
    mask = np.zeros((96, 96), np.uint8)
    mask[20:60, 30:80] = 255
    Image.fromarray(mask).save("mask.png")
    assert run_edit("small.png", WORDS, "-o", "out.webp", "--mask", "mask.png").exit_code == 0
    changed = (pixels("out.webp") != pixels("small.png")).any(-1)
    assert changed[mask > 0].mean() > 0.5
    assert not changed[mask == 0].any()


def test_the_same_seed_gives_the_same_bytes_and_other_settings_do_not():
    files = {}
    for name, words in {"a": [], "b": ["--seed", "5"], "c": ["--seed", "6"], "d": ["--steps", "3"],
                        "e": ["--guidance-text", "9"], "f": ["--guidance-image", "3"]}.items():  # fmt: skip
        assert run_edit("small.png", WORDS, "-o", f"{name}.png", "--mask", "none", *words).exit_code == 0
        files[name] = Path(f"{name}.png").read_bytes()
    assert files["a"] == files["b"]  # generate.seed is 5
    assert len(set(files.values())) == 5


def test_several_seeds_give_a_contact_sheet():
    counted = run_edit("hopper.jpg", WORDS, "-o", "counted.png", "--mask", "none", "--seed", "3", "--seeds", "2")
    named = run_edit("hopper.jpg", WORDS, "-o", "named.png", "--mask", "none", "--seed", "3", "--seed", "4")
    assert (counted.exit_code, named.exit_code) == (0, 0)
    assert "wrote a contact sheet" in counted.stderr
    assert Path("counted.png").read_bytes() == Path("named.png").read_bytes()
    height, width = pixels("hopper.jpg").shape[:2]
    scale = 512 / max(height, width)
    sheet = pixels("counted.png")
    assert sheet.shape[1] > 2 * round(width * scale) or sheet.shape[0] > 2 * round(height * scale)


def test_without_params_yaml_the_full_size_settings_are_used(edit_networks, monkeypatch):
    Path("params.yaml").unlink()
    make_edits = Mock(return_value=iter([np.zeros((96, 96, 3), np.uint8)]))
    monkeypatch.setattr("atelier.sampling.photos.make_edits", make_edits)
    result = run_edit("small.png", WORDS, "-o", "out.png", "--mask", "none", "--weights", edit_networks["editor"])
    assert result.exit_code == 0, result.output
    _, (task,), settings = make_edits.call_args.args
    assert (settings.steps, settings.guidance_text, settings.guidance_image, task.seed) == (20, 7.5, 1.5, 0)


LONG_WORDS = "red " * 14 + "and make the\n shirt blue"  # the tiny editor reads 16 tokens


def test_words_that_the_editor_does_not_read_are_named_once_and_in_a_batch_by_line():
    said = "the instruction is longer than the editor reads; not read: “and make the shirt blue”"
    several = run_edit("small.png", LONG_WORDS, "-o", "long.png", "--mask", "none", "--seeds", "2")
    assert (several.exit_code, several.stdout) == (0, "long.png\n")
    notices = [line for line in several.stderr.splitlines() if line.startswith("atelier:")]
    assert notices == [f"atelier: {said}"]
    Path("jobs.csv").write_text(f'image,instruction\nsmall.png,{WORDS}\nsmall.png,"{LONG_WORDS}"\nsmall.png,{WORDS}\n')
    batch = run_edit("--batch", "jobs.csv", "--out-dir", "edits", "--mask", "none")
    assert batch.exit_code == 0
    assert [line for line in batch.stderr.splitlines() if "not read" in line] == [f"atelier: jobs.csv, line 4: {said}"]
    assert "not read" not in run_edit("small.png", WORDS, "-o", "short.png", "--mask", "none").stderr


def test_only_a_named_output_is_overwritten_and_never_an_input():
    Path("out.jpg").write_text("old")
    assert run_edit("small.png", WORDS, "-o", "out.jpg", "--mask", "none").exit_code == 0
    assert pixels("out.jpg").shape == (96, 96, 3)
    assert run_edit("small.png", WORDS, "--mask", "none").stdout == "small-edited.png\n"
    assert "small-edited.png exists already" in refusal("small.png", WORDS, "--mask", "none")
    Path("link.png").symlink_to("small.png")
    for out in ("small.png", "./small.png", "link.png"):
        assert "is an input" in refusal("small.png", WORDS, "-o", out)
    Image.fromarray(np.eye(96, dtype=np.uint8) * 255).save("mask.png")
    assert "is an input" in refusal("small.png", WORDS, "-o", "mask.png", "--mask", "mask.png")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "expected PHOTO"),
        (["small.png"], "expected PHOTO"),
        (["small.png", " "], "expected PHOTO"),
        (["none.png", WORDS], "none.png: no such file"),
        (["params.yaml", WORDS], "params.yaml: not a picture"),
        (["small.png", WORDS, "-o", "out.gif"], "out.gif: expected one of the image formats"),
        (["small.png", WORDS, "--mask", "nowhere.png"], "nowhere.png: no such file"),
        (["small.png", "make the skirt red"], "small.png: no skirt found in it; --mask none"),
        (["small.png", WORDS, "--weights", "nowhere"], "nowhere: no editor to load"),
        (["small.png", WORDS, "--params", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["small.png", WORDS, "--seeds", "2", "--seed", "1", "--seed", "2"], "--seeds counts from a single --seed"),
        (["small.png", WORDS, "--out-dir", "x"], "expected PHOTO"),
        (["small.png", WORDS, "--mask", "none", "--save-mask", "m.png"], "--save-mask shows a mask, but --mask none"),
        (["small.png", WORDS, "--mask", "none", "--overlay", "m.png"], "--overlay shows a mask, but --mask none"),
        (["small.png", WORDS, "--save-mask", "m.jpg"], "m.jpg: expected a mask as .png or .webp"),
        (["small.png", WORDS, "--overlay", "m.gif"], "m.gif: expected one of the image formats"),
        (["small.png", WORDS, "--overlay", "small.png"], "small.png is an input"),
        (["small.png", WORDS, "-o", "o.png", "--overlay", "./o.png"], "named for two of -o, --save-mask"),
        (["--batch", "jobs.csv", "--out-dir", "x", "--overlay", "m.png"], "in the CSV file's column overlay"),
        (["--batch", "jobs.csv", "--out-dir", "x", "--save-mask", "m.png"], "in the CSV file's column save_mask"),
        (["--batch", "jobs.csv"], "--batch requires --out-dir"),
        (["small.png", WORDS, "--batch", "jobs.csv", "--out-dir", "x"], "--out-dir and excludes PHOTO"),
        (["--batch", "jobs.csv", "--out-dir", "x"], "jobs.csv: No such file"),
    ],
)
def test_a_user_error_is_one_line_and_writes_nothing(words, reason):
    assert reason in refusal(*words)


def test_a_batch_is_edited_except_for_its_invalid_rows_and_without_any_exits_with_code_0():
    Path("lists").mkdir()
    Path("lists/jobs.csv").write_text(
        "image,instruction,mask,seed,output\n"
        f"../small.png,{WORDS},none,3,first.png\n"
        f"../hopper.jpg,{WORDS},,,\n"
        f"../gone.png,{WORDS},,,\n"
        "../small.png,make the skirt red,,,skirt.png\n"
        f"../small.png,{WORDS},,,../escape.png\n"
    )
    result = run_edit("--batch", "lists/jobs.csv", "--out-dir", "edits")
    assert (result.exit_code, result.stdout) == (2, "edits/first.png\nedits/0002-hopper.png\n")
    for line, reason in {4: "gone.png: no such file", 5: "no skirt found", 6: "is not inside edits"}.items():
        assert re.search(rf"(?m)^lists/jobs\.csv, line {line}: .*{reason}", result.stderr)
    assert result.stderr.splitlines()[-1] == "2 edited, 3 refused"
    assert sorted(path.name for path in Path("edits").iterdir()) == ["0002-hopper.png", "first.png"]
    assert pixels("edits/0002-hopper.png").shape == pixels("hopper.jpg").shape
    alone = run_edit("small.png", WORDS, "-o", "alone.png", "--mask", "none", "--seed", "3")
    assert alone.exit_code == 0
    assert np.abs(pixels("alone.png").astype(int) - pixels("edits/first.png")).max() <= 2
    Path("jobs.csv").write_text(f"image,instruction\nsmall.png,{WORDS}\n")
    result = run_edit("--batch", "jobs.csv", "--out-dir", ".", "--mask", "none", "--seed", "9")
    assert (result.exit_code, result.stdout) == (0, "0001-small.png\n")
    assert result.stderr.splitlines()[-1] == "1 edited, 0 refused"
