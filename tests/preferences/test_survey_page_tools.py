"""The survey's page in headless Chromium: a rater's own link, back by one answer, enlarging."""

import re

import pytest
from fixtures_preferences import running, write_pairs

from atelier.preferences.answers import read_answers
from atelier.preferences.links import open_links
from atelier.preferences.pairs import read_pairs
from atelier.preferences.server import SurveyServer
from atelier.preferences.survey import QUESTION, open_survey

WORDS = "Welcome.\nLook at <b>hands</b> first."


@pytest.fixture
def linked(tmp_path):
    """A server with links, and the link of ann."""
    pairs = read_pairs(write_pairs(tmp_path, [f"a person, {number}" for number in range(2)]))
    opened = open_survey(pairs, tmp_path / "answers.jsonl", QUESTION, seed=1, repeats=0)
    links = open_links(opened.file, ["ann", "bob"])
    with running(server := SurveyServer(opened, 0, links=links, words=WORDS)):
        yield server, f"{server.url}?token={links['ann']}"


@pytest.fixture
def page(chromium):
    opened, problems = chromium.new_page(viewport={"width": 1280, "height": 800}), []
    opened.set_default_timeout(10_000)
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    opened.close()
    assert problems == []


def wait(page, number):
    page.locator("#count", has_text=re.compile(rf"^{number} of 2$")).wait_for()
    page.locator("#tie:enabled").wait_for()


def choices(server):
    return [(row.rater, row.choice) for row in read_answers(server.survey.file).rows]


def test_a_link_needs_no_name_and_the_last_answer_can_be_changed(page, linked):
    server, link = linked
    page.goto(link)
    page.get_by_role("button", name="Start").wait_for()
    assert page.locator(".words").inner_text() == WORDS
    assert not page.get_by_label("Your name or initials").is_visible()
    page.get_by_role("button", name="Start").click()
    wait(page, 1)
    assert page.locator("#back").is_disabled()
    prompt = page.locator("#prompt").inner_text()
    page.keyboard.press("1")
    wait(page, 2)
    page.keyboard.press("Backspace")
    wait(page, 1)
    assert page.locator("#prompt").inner_text() == prompt
    assert page.locator("#back").is_disabled()  # by one answer only
    page.keyboard.press("2")
    wait(page, 2)
    page.reload()  # goes on where it was, without the first page
    wait(page, 2)
    page.keyboard.press("0")
    page.get_by_text("Thank you").wait_for()
    page.get_by_role("button", name="Back by one").click()
    wait(page, 2)
    page.keyboard.press("1")
    page.get_by_text("Thank you").wait_for()
    assert choices(server) == [("ann", "right"), ("ann", "left")]


def test_pictures_are_enlarged_by_key_and_by_button(page, linked):
    page.goto(linked[1])
    page.get_by_role("button", name="Start").click()
    wait(page, 1)
    height = page.locator("#left").evaluate("image => image.clientHeight")
    button = page.get_by_role("button", name="Enlarge")
    for enlarge, pressed in ((button.click, "true"), (lambda: page.keyboard.press("e"), "false")):
        enlarge()
        assert button.get_attribute("aria-pressed") == pressed
        larger = page.locator("#left").evaluate("image => image.clientHeight") > 1.2 * height
        assert larger == (pressed == "true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not linked[0].survey.file.exists()
