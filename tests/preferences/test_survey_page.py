"""The survey's page in headless Chromium: keyboard, sides, resuming, escaping, both themes, small screens."""

import re
from collections import Counter

import pytest
from fixtures_preferences import running, write_pairs

from atelier.preferences.answers import read_answers
from atelier.preferences.pairs import read_pairs
from atelier.preferences.server import SurveyServer
from atelier.preferences.survey import QUESTION, open_survey

HTML = '<img src=x onerror="window.ran = 1"><script>window.ran = 1</script>'
PROMPTS = [HTML, *(f"a person lying on the street, {number}" for number in range(7))]


@pytest.fixture
def survey(tmp_path):
    pairs = read_pairs(write_pairs(tmp_path, PROMPTS))
    opened = open_survey(pairs, tmp_path / "answers.jsonl", QUESTION, seed=1, repeats=0.25)
    with running(server := SurveyServer(opened, 0)):
        yield server


@pytest.fixture
def page(chromium, survey):
    """A page on which a console error or a request to another host fails the test."""
    opened, problems = chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce"), []
    opened.set_default_timeout(10_000)
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    allowed = (survey.url, "data:")
    opened.on("request", lambda request: request.url.startswith(allowed) or problems.append(request.url))
    yield opened
    opened.close()
    assert problems == []


def start(page, survey, rater="ann"):
    page.goto(survey.url)
    page.get_by_label("Your name or initials").fill(rater)
    page.keyboard.press("Enter")
    wait(page, 1)


def wait(page, number):
    """Wait until trial `number` can be answered."""
    page.locator("#count", has_text=re.compile(rf"^{number} of ")).wait_for()
    page.locator("#tie:enabled").wait_for()


def rows(survey):
    return read_answers(survey.survey.file).rows


def test_a_rater_answers_everything_by_keyboard(page, survey):
    start(page, survey)
    keys = ["ArrowLeft", "ArrowRight", "Space", "1", "2", "0", "ArrowLeft", "1", "2", "2"]
    for number, key in enumerate(keys, start=1):
        wait(page, number)
        page.keyboard.press(key)
    page.get_by_role("heading", name="Thank you").wait_for()
    assert page.locator("#saved").inner_text() == "10"
    found = rows(survey)
    assert " ".join(row.choice for row in found) == "left right tie left right tie left left right right"
    assert [row.repeat for row in found] == [False] * 8 + [True] * 2
    assert all(0 <= row.seconds < 30 for row in found)


def light_side(page) -> str:
    """Return the side of the fine-tuned, lighter picture as rendered."""
    levels = page.evaluate(
        """() => ["left", "right"].map((id) => {
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 1;
            const context = canvas.getContext("2d");
            context.drawImage(document.getElementById(id), 0, 0, 1, 1);
            return context.getImageData(0, 0, 1, 1).data[0];
        })"""
    )
    return "left" if levels[0] > levels[1] else "right"


def test_the_recorded_choice_is_the_displayed_picture_and_sides_are_random(page, survey):
    seen = []
    for rater in ("ann", "bob", "cem"):
        start(page, survey, rater)
        for number in range(1, 11):
            wait(page, number)
            seen.append(light_side(page))
            page.locator(f"[data-choice={seen[-1]}]").click()
        page.get_by_role("heading", name="Thank you").wait_for()
    found = rows(survey)
    assert [(row.winner, row.choice) for row in found] == [("finetuned", side) for side in seen]
    assert min(Counter(seen).values()) >= 5
    orders = {rater: [row.pair_id for row in found if row.rater == rater] for rater in ("ann", "bob", "cem")}
    assert len({tuple(order) for order in orders.values()}) == 3


def test_a_rater_resumes_after_a_reload_and_by_name(page, survey):
    start(page, survey)
    for number in (1, 2):
        page.keyboard.press(str(number))
        wait(page, number + 1)
    prompt = page.locator("#prompt").inner_text()
    page.reload()
    wait(page, 3)
    assert page.locator("#prompt").inner_text() == prompt
    assert page.locator("#progress").evaluate("bar => [bar.value, bar.max]") == [2, 10]
    page.goto(survey.url)
    page.get_by_label("Your name or initials").fill(" ann ")
    page.get_by_role("button", name="Start").click()
    wait(page, 3)
    assert len(rows(survey)) == 2


def test_a_prompt_with_html_is_shown_as_text(page, survey):
    start(page, survey)
    for number in range(1, 9):
        wait(page, number)
        if page.locator("#prompt").inner_text() == HTML:
            break
        page.keyboard.press("Space")
    else:
        pytest.fail("the prompt was never shown as text")
    assert page.locator("#prompt > *").count() == 0
    assert page.evaluate("window.ran") is None


def test_space_on_a_focused_button_presses_it_and_held_keys_answer_once(page, survey):
    start(page, survey)
    page.locator("[data-choice=right]").focus()
    page.keyboard.press("Space")
    wait(page, 2)
    page.keyboard.down("1")
    wait(page, 3)
    for _ in range(3):
        page.keyboard.down("1")  # as a held key does
    page.keyboard.up("1")
    for key in ("Control+2", "x", "0"):
        page.keyboard.press(key)
    wait(page, 4)
    assert [row.choice for row in rows(survey)] == ["right", "left", "tie"]


def test_every_control_is_reached_by_tab_and_named(page, survey):
    start(page, survey)
    for name in ("left", "right", "tie"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.choice") == name
    page.keyboard.press("Tab")  # "Back by one" is disabled before the first answer
    assert page.evaluate("document.activeElement.id") == "enlarge"
    assert page.get_by_role("img", name="Left picture").count() == page.get_by_role("main").count() == 1


@pytest.fixture
def failing_page(chromium, survey):
    """A page that may log console errors, for tests in which requests fail."""
    page = chromium.new_page()
    page.set_default_timeout(10_000)
    yield page
    page.close()


def test_an_answer_that_could_not_be_saved_can_be_given_again(failing_page, survey):
    down = [True]  # the route is there from the start: a request that is sent while routes change can hang
    failing_page.route("**/answer", lambda route: route.abort() if down[0] else route.continue_())
    start(failing_page, survey)
    failing_page.keyboard.press("1")
    failing_page.get_by_role("alert").wait_for()
    assert "Is it still running" in failing_page.get_by_role("alert").inner_text()
    assert not survey.survey.file.exists()
    down[0] = False
    failing_page.keyboard.press("2")
    wait(failing_page, 2)
    assert not failing_page.get_by_role("alert").is_visible()
    assert [row.choice for row in rows(survey)] == ["right"]


def test_a_missing_picture_is_reported_and_the_pair_cannot_be_answered(failing_page, survey):
    for pair in survey.survey.pairs.values():
        pair.picture_a.unlink()
    failing_page.goto(f"{survey.url}?rater=ann")
    failing_page.get_by_role("alert").wait_for()
    assert "cannot be shown" in failing_page.get_by_role("alert").inner_text()
    failing_page.keyboard.press("1")
    assert failing_page.locator("#tie").is_disabled()
    assert not survey.survey.file.exists()


def test_an_invalid_name_in_the_address_asks_for_another(failing_page, survey):
    failing_page.goto(f"{survey.url}?rater={'a' * 61}")
    failing_page.get_by_role("alert").wait_for()
    assert failing_page.get_by_label("Your name or initials").is_visible()


CONTRAST = """() => {
    const levels = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const light = (text) => { const [r, g, b] = levels(text); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ground = (node) => {
        for (; node; node = node.parentElement) {
            const colour = getComputedStyle(node).backgroundColor;
            if (!/, 0\\)$/.test(colour)) return colour;
        }
        return "rgb(255, 255, 255)";
    };
    return [...document.querySelectorAll("h1, p, span, kbd, label, button")].filter((node) => node.offsetParent)
        .map((node) => [light(getComputedStyle(node).color), light(ground(node))])
        .map(([one, other]) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_have_contrast_and_a_phone_needs_no_horizontal_scrolling(page, survey, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    start(page, survey)
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts) >= 8
    assert min(contrasts) >= 4.5
    is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 128")
    assert is_dark == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    bottom = page.evaluate("document.getElementById('tie').getBoundingClientRect().bottom")
    assert bottom <= 740  # all that is needed is on the screen
