"""The report in a real browser: no script errors, tables that sort, players that answer to keys."""

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


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_page_works_in_a_browser(chromium, page_file, width, scheme):
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
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
    page.wait_for_function("document.querySelector('.bar i').style.width > '0%'", timeout=30000)
    page.keyboard.press("Escape")
    assert page.locator(".player").is_hidden()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator(".theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background
    assert wrong == []
    page.close()
