"""The report in a real browser: no script errors, tables that sort, players that answer to keys."""

import base64
import re

import pytest

from diffmst_jax.evaluation.results import write_results


@pytest.fixture(scope="module")
def page_file(finished_run):
    store, config, _ = finished_run
    write_results(store, config)
    return store.folder / "report.html"


def test_page_needs_nothing_from_elsewhere(page_file):
    text = page_file.read_text()
    assert not re.search(r"https?://|@import|url\(", re.sub(r"base64,[^\"]*", "", text))
    assert len(text) < 5_000_000
    assert text.count("data:audio/mpeg;base64,") == 3 * 5


def dots_in_picture(page) -> list[int]:
    """Pixels in the colour of each system's dots, counted in a picture of the first figure."""
    figure = page.locator(".strips").first
    colours = figure.evaluate("""figure => [...figure.querySelectorAll(".dots")].map(lane => {
        lane.querySelectorAll("i").forEach(dot => { dot.style.opacity = 1; });
        return getComputedStyle(lane.querySelector("i")).backgroundColor.match(/\\d+/g).map(Number);
    })""")
    picture = base64.b64encode(figure.screenshot()).decode()
    count = """async ([picture, colours]) => {
        const image = new Image();
        image.src = "data:image/png;base64," + picture;
        await image.decode();
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
        context.drawImage(image, 0, 0);
        const values = context.getImageData(0, 0, image.width, image.height).data;
        const near = (at, colour) => colour.every((c, i) => Math.abs(values[at + i] - c) < 6);
        return colours.map(colour => {
            let found = 0;
            for (let at = 0; at < values.length; at += 4) { found += near(at, colour); }
            return found;
        });
    }"""
    found: list[int] = page.evaluate(count, [picture, colours])
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_page_works_in_a_browser(chromium, page_file, width, scheme):
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = dots_in_picture(page)
    assert len(drawn) == 4
    assert min(drawn) >= 12
    head = page.locator("table.sortable").first.locator("thead button").nth(6)
    cells = page.locator("table.sortable").first.locator("tbody").first.locator("td:nth-child(7)")
    head.focus()
    page.keyboard.press("Enter")
    values = [float(v) for v in cells.evaluate_all("c => c.map(x => x.dataset.value)")]
    assert values == sorted(values)
    page.keyboard.press("Enter")
    values = [float(v) for v in cells.evaluate_all("c => c.map(x => x.dataset.value)")]
    assert values == sorted(values, reverse=True)
    page.locator(".listen").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    pressed = page.locator('.choices button[aria-pressed="true"]')
    assert pressed.inner_text().startswith("equal_loudness_mono")
    page.keyboard.press("n")
    assert pressed.inner_text().startswith("plain_sum")
    page.wait_for_function(
        "() => document.querySelector('.bar i').style.width > '0%'", timeout=30000
    )
    page.keyboard.press("Escape")
    assert page.locator(".player").is_hidden()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator(".theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background
    assert wrong == []
    page.close()
