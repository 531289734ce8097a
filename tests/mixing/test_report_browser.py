"""The report in a real browser: no script errors, nothing too wide, a player that plays."""

import dataclasses

import numpy as np
import pytest

from diffmst_jax.mixing.refining.refine import BeforeAfter, Refinement
from diffmst_jax.mixing.report.notebook import framed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(mixed):
    """The report of the small mix as if it had been refined, and a track had an endless name."""
    facts = mixed.report.facts
    first, *others = facts.settings.strips
    strips = (first._replace(file=f"{'a' * 120}.wav"), *others)
    facts = facts._replace(settings=dataclasses.replace(facts.settings, strips=strips))
    far, near = facts.views.plain.distance, facts.views.mix.distance
    pair = BeforeAfter(far, near)
    refinement = Refinement(
        settings=facts.settings,
        steps=40,
        share=0.75,
        distances=tuple(np.geomspace(0.3, 0.004, 41)),
        seen=pair,
        unseen=pair,
    )
    return dataclasses.replace(mixed.report, facts=facts._replace(refinement=refinement))


@pytest.fixture(scope="module")
def address(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_page(chromium):
    """Open an address; whatever goes wrong on the page fails the test at its end."""
    wrong: list[str] = []
    pages = []

    def open_one(address, *, width=1200, scheme="light"):
        page = chromium.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("requestfailed", lambda request: wrong.append(request.url[:80]))
        page.goto(address)
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.close()
    assert wrong == []


def brightness(colour):
    return sum(int(part) for part in colour.strip("rgb()").split(",")[:3]) / 3


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_is_readable(open_page, address, width, scheme):
    page = open_page(address, width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (brightness(paper) > 200) == (scheme == "light")
    assert abs(brightness(paper) - brightness(ink)) > 150
    overlong = """[...document.querySelectorAll("h1, h2, h3, p, .tag, .level, td:first-child")]
        .filter((item) => item.getBoundingClientRect().right > innerWidth)
        .map((item) => item.textContent)"""
    assert page.evaluate(overlong) == []
    touching = """[...document.querySelectorAll(".tick.x + .tick.x")]
        .filter((item) => item.getBoundingClientRect().left
            < item.previousElementSibling.getBoundingClientRect().right + 2)
        .map((item) => item.textContent)"""
    assert page.evaluate(touching) == []


def test_every_chart_and_card_is_drawn(open_page, address, mixed):
    page = open_page(address)
    kept = "Of the way from the prediction, 75\N{NO-BREAK SPACE}% was kept:"
    assert kept in page.locator("body").inner_text()
    headings = page.locator("h2").all_text_contents()
    for expected in ("Listen", "How close it is", "Refinement", "Tone", "Tracks", "Master bus"):
        assert expected in headings
    assert page.locator(".strip").count() == len(mixed.console.strips) + 1
    assert page.locator(".glance tbody tr").count() == len(mixed.console.strips)
    empty = """[...document.querySelectorAll(".plot svg")].filter(
        (svg) => svg.querySelectorAll("polyline").length === 0).length"""
    assert page.evaluate(empty) == 0


def test_the_player_plays_and_switches_without_losing_its_place(open_page, address):
    page = open_page(address)
    page.get_by_label("Play", exact=True).click()
    page.get_by_label("Pause", exact=True).wait_for()
    page.wait_for_function(
        "() => document.querySelector('.wave').getAttribute('aria-valuenow') > 2"
    )
    before = int(page.locator(".wave").get_attribute("aria-valuenow"))
    page.locator(".choices button.reference").click()
    assert "on" in page.locator(".wave svg.reference").get_attribute("class").split()
    assert int(page.locator(".wave").get_attribute("aria-valuenow")) >= before
    page.keyboard.press("1")
    assert page.locator(".choices button").first.get_attribute("aria-pressed") == "true"
    page.get_by_label("Pause", exact=True).click()
    page.get_by_label("Play", exact=True).wait_for()


def test_light_and_dark_can_be_switched(open_page, address):
    page = open_page(address, scheme="light")
    page.get_by_text("Light / dark").click()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert brightness(paper) < 60


def test_a_notebook_shows_the_page_in_a_frame(open_page, report, tmp_path):
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><body>{framed(report.html)}</body>", encoding="utf-8")
    page = open_page(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    assert frame.locator(".strip").count() > 1
