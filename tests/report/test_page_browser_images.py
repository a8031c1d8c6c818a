"""The report page's images and definitions in a headless Chromium: enlarged images, sliders, maps, dialogs."""

import numpy as np

from atelier.images.contact_sheet import draw_change, draw_zones
from atelier.images.tensors import from_png

SHOWN = "() => [...document.querySelectorAll('dialog[open] img')].map(one => one.src)"


def test_an_image_is_enlarged_by_keyboard_and_pointer_and_the_focus_returns(view):
    opened = view()
    card = opened.page.locator("#cards > li[data-drawn]").nth(1)
    first = card.locator(".zoom").first
    first.focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate(SHOWN) == [first.locator("img").get_attribute("src")]
    image = opened.page.locator("#enlarged img")
    assert image.evaluate("one => getComputedStyle(one).imageRendering") == "pixelated"
    assert image.evaluate("one => [one.width % one.naturalWidth, one.width > 2 * one.naturalWidth]") == [0, True]
    assert opened.page.locator("#enlarged").get_attribute("aria-labelledby") == "enlarged-name"
    names = []
    for _ in range(8):
        names.append(opened.page.inner_text("#enlarged-name").split(":")[0])
        opened.page.keyboard.press("ArrowRight")
    wanted = ["source", "baseline", "fine-tuned", "exact target"]
    assert names == [*wanted, "zones", "change, baseline", "change, fine-tuned", "change, exact target"]
    assert opened.page.inner_text("#enlarged-name").startswith("source: ")  # once around
    opened.page.keyboard.press("Escape")
    assert opened.page.evaluate(SHOWN) == []
    assert first.evaluate("one => one === document.activeElement")
    other = opened.page.locator("#answer .zoom").nth(2)
    other.click()
    assert opened.page.inner_text("#enlarged-name").startswith("fine-tuned: ")
    opened.page.get_by_role("button", name="Previous").click()
    assert opened.page.inner_text("#enlarged-name").startswith("baseline: ")
    opened.page.get_by_role("button", name="Close").click()
    assert other.evaluate("one => one === document.activeElement")


def test_a_measure_s_name_opens_its_definition(view):
    opened = view()
    for place in (
        "#answer",
        "#measures h3",
        "#paper thead",
        "#prompts thead",
        "#frontiers thead",
        "#shares figcaption",
    ):
        name = opened.page.locator(f"{place} .term").first
        name.focus()
        opened.page.keyboard.press("Enter")
        shown = opened.page.locator("[popover]:popover-open")
        terms = shown.locator("dt").all_inner_texts()
        assert terms[:3] == ["Definition", "Range", "Direction"], place
        assert shown.get_attribute("id") == name.get_attribute("popovertarget")
        opened.page.keyboard.press("Escape")
        assert shown.count() == 0
        assert name.evaluate("one => one === document.activeElement")


def test_the_sliders_compare_the_chosen_pair_and_a_link_keeps_it(view):
    opened = view()
    images = """() => { const card = document.querySelector("#cards > li"); return [".slider img", ".thumbs img"]
      .map(kind => [...card.querySelectorAll(kind)].map(one => one.src)); }"""
    for value, pair, words in (("1-2", (1, 2), "baseline"), ("2-3", (2, 3), "fine-tuned"), ("", (0, 2), "source")):
        opened.page.select_option("select[name=pair]", value)
        for shown in (opened, view(opened.page.evaluate("location.hash"))):
            slider, thumbs = shown.page.evaluate(images)
            assert slider == [thumbs[index] for index in pair]
            label = shown.page.locator("#cards .slider input").first.get_attribute("aria-label")
            assert label.startswith(f"{words} on the left")


def test_change_maps_and_zones_are_those_of_the_sheets(view, page_data):
    opened = view()
    opened.page.wait_for_selector("#cards > li[data-drawn]")
    read = """canvas => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    sample = page_data.samples[0]
    canvases = opened.page.locator("#cards > li").first.locator("canvas").all()
    drawn = [np.array(canvas.evaluate(read)).reshape(64, 64, 4)[..., :3] for canvas in canvases]
    pngs = (sample.probe.source, sample.edited["baseline"], sample.edited["finetuned"], sample.probe.target)
    source, *edits = [np.clip((from_png(png).astype(int) + 2) // 4 * 4, 0, 255).astype(np.uint8) for png in pngs]
    wanted = [draw_zones(source, from_png(sample.zones.tight) >= 128, sample.zones.box)]
    wanted += [draw_change(source, edited) for edited in edits]
    for ours, theirs in zip(drawn, wanted, strict=True):
        assert np.abs(ours - theirs.astype(int)).max() <= 1
