"""Opens the report page from disk in Chromium, and notes what it should not do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from atelier.report.page import PageData, write_page


@dataclass
class View:
    """An open page; the lists stay empty when it behaves."""

    page: object  # playwright's Page
    errors: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def cards(self) -> list[str]:
        """The shown edits' probe ids, in their order."""
        return self.page.eval_on_selector_all("#cards > li", "cards => cards.map(card => card.dataset.probe)")

    def show_all(self) -> None:
        """Press the button until there is no more to show (by event: what scrolls into view loads by itself)."""
        while self.page.locator("#more").is_visible():
            self.page.locator("#more").dispatch_event("click")


@pytest.fixture(scope="module")
def page_file(page_data: PageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    write_page(path, page_data)
    return path


@pytest.fixture
def view(chromium, page_file: Path) -> Iterator[Callable[..., View]]:
    """Open the page: `view(fragment="", width=1280, scheme="light")`. At the end it must not have misbehaved."""
    views = []

    def open_page(fragment: str = "", width: int = 1280, scheme: str = "light") -> View:
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened = View(page)
        views.append(opened)
        page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on("request", lambda request: opened.fetched.append(request.url))
        page.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
        page.goto(page_file.as_uri() + fragment)
        return opened

    yield open_page
    for opened in views:
        opened.page.close()
        assert opened.errors == []
        allowed = (page_file.as_uri(), "data:")
        assert [url for url in opened.fetched if not url.startswith(allowed)] == []
