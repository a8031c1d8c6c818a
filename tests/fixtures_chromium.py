"""A headless Chromium, the system's own, for tests of pages.

Where there is none they are skipped; with ATELIER_BROWSER=required in the environment they fail instead.
"""

import os
import shutil
from collections.abc import Iterator

import pytest


def _give_up(reason: str) -> None:
    if os.environ.get("ATELIER_BROWSER") == "required":
        pytest.fail(f"ATELIER_BROWSER=required, but {reason}")
    pytest.skip(f"{reason}: pages are not tested in a browser (make browser)")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """A running browser; without Playwright or Chromium the test is skipped, or fails if ATELIER_BROWSER=required."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _give_up("Playwright is not installed")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        _give_up("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()
