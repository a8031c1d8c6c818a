"""The report page in a headless Chromium, opened from disk. Every test also asserts that nothing was fetched."""

import re
from urllib.parse import quote

import numpy as np
import pytest
from fixtures_page import HTML

from atelier.report.page.gallery import failures

TEXTS = (
    "main", ".note", "nav a", ".eyebrow", "tr.reference td", "figcaption", ".tags span", "thead th", ".term",
    ".edits thead th", ".edits tbody th", ".lead", ".definition dt", ".definition dd", "#enlarged-name",
)  # fmt: skip
LUMINANCE = """colour => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def luminance(view, colour: str) -> float:
    """Relative luminance (WCAG 2.1) of a CSS colour."""
    share = np.array(view.page.evaluate(LUMINANCE, colour)) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def style(view, selector: str, name: str) -> str:
    return view.page.eval_on_selector(selector, f"element => getComputedStyle(element).{name}")


def tuned_scores(page_data) -> dict[str, dict]:
    scores = page_data.scores
    return scores[scores["model"] == "finetuned"].set_index("probe_id").to_dict("index")


def expected(page_data, domain="", prompt="", kind="") -> list[str]:
    """The probes that a filter should leave, in the order in which they came."""
    scores = tuned_scores(page_data)
    return [
        sample.probe.probe_id for sample in page_data.samples
        if domain in ("", sample.probe.domain) and prompt in ("", sample.probe.prompt)
        and (not kind or kind in failures(scores[sample.probe.probe_id]))
    ]  # fmt: skip


def test_the_slider_moves_by_keyboard(view):
    opened = view()
    slider = opened.page.locator("#cards li .slider").first
    assert style(opened, "#cards .after", "clipPath") == "inset(0px 0px 0px 50%)"
    slider.locator("input").focus()
    for key, value in (("ArrowRight", 51), ("ArrowRight", 52), ("ArrowLeft", 51), ("Home", 0), ("End", 100)):
        opened.page.keyboard.press(key)
        shown = slider.locator(".after").evaluate("element => getComputedStyle(element).clipPath")
        assert re.fullmatch(rf"inset\(0px 0px 0px {value}(%|px)\)", shown)
        assert slider.locator("input").get_attribute("aria-valuetext").startswith(f"{value} % source")


@pytest.mark.parametrize(
    "choice",
    [
        {"domain": "unseen"}, {"prompt": "make the shirt red"}, {"kind": "leaked"}, {"kind": "pattern not recognised"},
        {"kind": "none of these"}, {"domain": "seen", "prompt": "add stripes to the clothes", "kind": "wrong garment"},
    ],
)  # fmt: skip
def test_filters_leave_what_they_say(view, page_data, choice):
    opened, wanted = view(), expected(page_data, **choice)
    assert 0 < len(wanted) < len(page_data.samples)
    for name, value in choice.items():
        opened.page.select_option(f"select[name={name}]", value)
    opened.show_all()
    assert opened.cards() == wanted
    count = f"Showing {len(wanted)} of {len(wanted)} that match; {len(page_data.samples)} edits in all."
    assert opened.page.inner_text("#count") == count


@pytest.mark.parametrize(("measure", "highest_is_worst"), [("leakage_share", True), ("clip_directional", False)])
def test_worst_first_is_sorted_and_what_has_no_score_comes_last(view, page_data, measure, highest_is_worst):
    opened, scores = view(), tuned_scores(page_data)
    opened.page.select_option("select[name=order]", measure)
    opened.show_all()
    values = np.array([scores[probe][measure] for probe in opened.cards()])
    assert len(values) == len(page_data.samples)
    missing = np.isnan(values)
    assert np.flatnonzero(missing).tolist() == ([len(values) - 1] if measure == "leakage_share" else [])
    steps = np.diff(values[~missing])
    assert (steps <= 1e-4).all() if highest_is_worst else (steps >= -1e-2).all()
    first = opened.page.locator("#cards .facts").first.inner_text()
    assert f"{values[0]:.{3 if highest_is_worst else 2}f}" in first


def test_edits_come_a_batch_at_a_time_by_a_button_and_never_by_scrolling(view, page_data):
    opened = view()
    assert len(opened.cards()) == 24
    opened.page.evaluate("document.getElementById('more').scrollIntoView()")
    opened.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(opened.cards()) == 24
    assert opened.page.inner_text("#more") == "Show 24 more"
    opened.page.focus("#more")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.closest('li').dataset.probe") == expected(page_data)[24]
    assert opened.cards() == expected(page_data)
    assert not opened.page.locator("#more").is_visible()


def test_the_keyboard_reaches_every_control_in_order(view):
    opened = view()
    where = """() => [...document.querySelectorAll("*")].indexOf(document.activeElement)"""
    reached = []
    for _ in range(1000):
        opened.page.keyboard.press("Tab")
        if opened.page.evaluate("document.activeElement.tagName === 'BODY'"):
            break
        reached.append(opened.page.evaluate(where))
    assert reached == sorted(reached)
    controls = """() => [...document.querySelectorAll("*")].flatMap((element, index) =>
      element.matches("a, button:not([tabindex='-1']), select, input, summary, .dot, .wide")
      && element.checkVisibility() ? [index] : [])"""
    assert set(opened.page.evaluate(controls)) <= set(reached)


def test_a_dot_tells_its_figures_to_pointer_and_keyboard(view):
    opened = view()
    chart = opened.page.locator("#frontiers figure").first
    dots, readout = chart.locator(".dot"), chart.locator(".readout")
    dots.nth(0).focus()
    assert readout.inner_text() == "baseline, guidance text 1, image 1: success 0.600, preservation 0.800, n = 24"
    dots.nth(2).hover()
    assert readout.inner_text().startswith("baseline, guidance text 2, image 1: success 0.700")


def test_captions_with_html_are_text(view):
    opened = view()
    card = opened.page.locator("#cards > li").first
    assert card.locator(".caption").text_content() == HTML
    assert card.locator(".facts").text_content() == "seen, <b>shirt</b>"
    opened.page.select_option("select[name=prompt]", HTML)
    assert opened.page.locator("#cards h3").all_text_contents() == [f"“{HTML}”"]
    assert opened.page.locator("img[src=x]").count() == 0
    assert opened.page.evaluate("document.body.dataset.ran") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_have_contrast_and_the_button_changes_them(view, scheme):
    opened = view(scheme=scheme)
    for turn in range(2):
        dark = (scheme == "dark") != (turn == 1)
        paper = luminance(opened, style(opened, "html", "backgroundColor"))
        assert (paper < 0.5) == dark
        for selector in (*TEXTS, "svg text"):
            ink = luminance(opened, style(opened, selector, "fill" if "svg" in selector else "color"))
            around = paper if "tr" not in selector else luminance(opened, style(opened, selector, "backgroundColor"))
            assert (max(ink, around) + 0.05) / (min(ink, around) + 0.05) >= 4.5, selector
        assert opened.page.inner_text("#theme") == ("Light theme" if dark else "Dark theme")
        opened.page.locator("#theme").click()


@pytest.mark.parametrize("width", [360, 390])
def test_a_phone_need_not_scroll_sideways_and_keeps_the_first_column_of_a_table(view, width):
    opened = view(width=width)
    opened.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    opened.show_all()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    wide = opened.page.locator("#paper .wide").first
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")  # tables scroll in their own box
    edges = """box => { box.scrollLeft = 200; return [...box.querySelectorAll("tbody th, thead th:first-child, td")]
      .map(one => [one.tagName, one.getBoundingClientRect().left - box.getBoundingClientRect().left]); }"""
    for name in ("#paper .wide", "#prompts .wide"):
        placed = opened.page.locator(name).first.evaluate(edges)
        assert {round(left) for tag, left in placed if tag == "TH"} <= {0, -200}  # a group's heading spans the table
        assert min(left for tag, left in placed if tag == "TD") < 0


def test_a_link_restores_the_view(view, page_data):
    opened = view("#gallery?domain=unseen&kind=leaked&order=leakage_share")
    values = opened.page.eval_on_selector_all("#controls select", "all => all.map(one => one.value)")
    assert values == ["unseen", "", "leaked", "leakage_share", ""]
    assert sorted(opened.cards()) == sorted(expected(page_data, "unseen", kind="leaked"))
    opened.page.select_option("select[name=prompt]", "change shirt to blue")
    again = view(opened.page.evaluate("location.hash"))
    assert again.cards() == opened.cards()
    assert again.page.input_value("select[name=prompt]") == "change shirt to blue"
    assert view(f"#gallery?domain={quote(HTML)}&order=nonsense").cards() == expected(page_data)[:24]
