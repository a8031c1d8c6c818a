"""Draw the page of `atelier studio` after an edit: python scripts/screenshot_studio.py OUT.png (Chromium, gradio)."""

import io
import shutil
import time
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from atelier.common.command import PARAMS
from atelier.studio.editors import Editors
from atelier.studio.server import running

WIDTH, HEIGHT = 1280, 1100
COLOURS = 256  # of the picture's palette, so that it stays small
MINUTES = 5


def edit_example(page: Page, number: int, instruction: str) -> None:
    """Edit an example picture with four variants and wait until the result is drawn."""
    page.locator("#examples button img").nth(number).click()
    page.wait_for_selector("#canvas canvas")
    page.fill("#instruction input, #instruction textarea", instruction)
    page.fill("#variants input[type=number]", "4")
    page.press("#variants input[type=number]", "Tab")
    page.click("#edit")
    page.wait_for_selector("#compare img")
    page.wait_for_selector("#cancel", state="hidden")
    time.sleep(4)  # the canvas and the pictures are drawn


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--example", default=1, help="Number of the example, from 0 on.")
@click.option("--instruction", default="make the shirt red", help="Instruction.")
def main(out: Path, example: int, instruction: str) -> None:
    """Write a screenshot of the studio to OUT."""
    with running(Editors(PARAMS), "127.0.0.1", 0) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(MINUTES * 60_000)
        page.goto(address)
        edit_example(page, example, instruction)
        shot = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    shot.convert("RGB").quantize(COLOURS).save(out, "PNG", optimize=True)


if __name__ == "__main__":
    main()
