"""The page in Chromium, on tiny networks: upload, brush, edit, next turn, undo, download, repeat; bad files."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures_cli_edit import WORDS, pixels, run_edit
from fixtures_finetuned import finetune_selectively
from import_graph import ROOT
from PIL import Image
from ruamel.yaml import YAML

from atelier.common.errors import UserError
from atelier.studio.editors import Editors
from atelier.studio.server import running

pytest.importorskip("gradio", reason="the extra `studio` is not installed")
WAIT = 60_000  # ms


@pytest.fixture(scope="module")
def folder(tmp_path_factory, edit_networks) -> Iterator[Path]:
    """Work in a project with tiny networks, a fine-tuned editor and a picture."""
    project = tmp_path_factory.mktemp("project")
    values = YAML().load(ROOT / "params.yaml")
    values["models"].update(edit_networks)
    YAML().dump(values, project / "params.yaml")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)).save(project / "small.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setattr(os, "environ", os.environ.copy())  # the server sets gradio's variables
        finetune_selectively(Path("models/finetuned"), edit_networks["editor"])
        yield project


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    with running(Editors(Path("params.yaml")), "127.0.0.1", 0) as url:
        yield url


@pytest.fixture
def page(chromium, address):
    """Open the page; assert at the end that there was no error and no request to another machine."""
    opened = chromium.new_page(viewport={"width": 1280, "height": 1600})
    opened.set_default_timeout(WAIT)
    errors, fetched = [], []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: fetched.append(request.url))
    opened.goto(address)
    yield opened
    opened.close()
    assert errors == []
    assert [url for url in fetched if not url.startswith((address, "data:", "blob:"))] == []


def choose_photo(page, file: Path) -> None:
    page.set_input_files("#photo input[type=file]", file)
    page.wait_for_selector("#canvas canvas")


def press_edit(page) -> None:
    page.click("#edit")
    page.wait_for_selector("#cancel")
    page.wait_for_selector("#cancel", state="hidden")


def downloads(page) -> dict[str, bytes]:
    """Return the files of the page by the end of their name."""
    page.wait_for_selector("#files a[href]")
    links = page.eval_on_selector_all("#files a[href]", "links => links.map(link => link.href)")
    return {link.rsplit("-", 1)[-1]: page.request.get(link).body() for link in links}


def test_a_photo_is_edited_in_two_turns_and_the_record_repeats_it_to_the_byte(page, folder):
    choose_photo(page, folder / "small.png")
    page.fill("#instruction input, #instruction textarea", WORDS)
    press_edit(page)
    assert page.locator("#compare img").count() == 2
    assert page.get_by_role("tab").all_inner_texts() == ["Before and after", "What changed", "Two editors"]
    assert "Found shirt" in page.inner_text("#message")
    first = downloads(page)
    page.click("#go-on")
    page.wait_for_selector("#message", state="hidden")
    page.fill("#instruction input, #instruction textarea", "make the shirt blue")
    press_edit(page)
    page.wait_for_function("document.querySelectorAll('#turns li').length === 2")
    second = downloads(page)
    assert set(second) == {"edit.png", "mask.png", "edit.json"}
    assert second["edit.png"] != first["edit.png"]
    for name, made in (("first", first), ("second", second)):
        Path(f"{name}.json").write_bytes(made["edit.json"])
        assert run_edit("small.png", "--from", f"{name}.json", "-o", f"{name}.png").exit_code == 0
        assert Path(f"{name}.png").read_bytes() == made["edit.png"]
    page.click("#undo")  # the second edit
    page.wait_for_function("document.querySelectorAll('#turns li').length === 1")
    assert downloads(page)["edit.json"] == first["edit.json"]
    for _ in range(6):  # the turn and the first edit; a click is ignored until the one before it was answered
        page.click("#undo")
        page.wait_for_timeout(1000)
        if not page.locator("#results").is_visible():
            break
    assert page.locator(".empty").is_visible()


def test_what_is_not_found_is_painted_with_the_brush(page, folder):
    choose_photo(page, folder / "small.png")
    page.fill("#instruction input, #instruction textarea", "make the trousers red")
    press_edit(page)
    assert page.inner_text("#message").startswith("small.png: no trousers found in it; paint it green")
    place = page.locator("#canvas canvas").last.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=6)
    page.mouse.up()
    press_edit(page)
    page.wait_for_selector("#compare")
    Path("painted.png").write_bytes(downloads(page)["mask.png"])
    painted = pixels("painted.png")[..., 0] > 0
    assert 0.001 < painted.mean() < 0.2
    rows, columns = painted.any(1).nonzero()[0], painted.any(0).nonzero()[0]
    assert abs(rows.mean() - 48) < 6  # at the height that was painted
    assert 44 < columns.mean() < 75  # from the middle to the right


def test_bad_files_are_refused_in_one_line_and_a_long_edit_can_be_cancelled(page, folder):
    (folder / "bad.png").write_text("no picture")
    page.set_input_files("#photo input[type=file]", folder / "bad.png")
    page.wait_for_selector("#photo-message .error")
    assert page.inner_text("#photo-message") == "bad.png: not a picture"
    page.click("#edit")
    page.wait_for_selector("#message .error")
    assert page.inner_text("#message") == "choose a photo first"
    choose_photo(page, folder / "small.png")
    page.wait_for_selector("#photo-message", state="hidden")
    page.fill("#instruction input, #instruction textarea", WORDS)
    page.get_by_text("Settings").click()
    for name, number in (("#steps", "100"), ("#variants", "8")):
        page.fill(f"{name} input[type=number]", number)
        page.press(f"{name} input[type=number]", "Tab")
    page.click("#edit")
    page.wait_for_function("/step [1-9]/.test(document.querySelector('#message')?.innerText)")
    page.click("#cancel")
    page.wait_for_selector("#cancel", state="hidden")
    assert page.inner_text("#message") == "Cancelled; nothing was changed."
    assert not page.locator("#compare").is_visible()


def test_an_address_that_is_taken_is_refused(folder, address):
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    taken = running(Editors(Path("params.yaml")), "127.0.0.1", port)
    with pytest.raises(UserError, match="choose another with --host and --port"), taken:
        pass


def test_the_page_answers_only_by_its_own_name_and_lets_nothing_in_from_elsewhere(address):
    httpx = pytest.importorskip("httpx")
    answer = httpx.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert httpx.get(address, headers={"Host": "example.org"}).status_code == 400
