import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import AudioFeatureLoss
from diffmst_jax.mixing.refining.refine import BeforeAfter, Refinement
from diffmst_jax.mixing.report.charts import Axis, Curve, chart, signed
from diffmst_jax.mixing.report.content import buried, master_view, report_content, strip_views
from diffmst_jax.mixing.report.page import nice_ticks, report_html
from diffmst_jax.mixing.report.refinement import refinement_section
from diffmst_jax.mixing.report.tracks import stage, strip_card
from diffmst_jax.mixing.report.verdict import reasons
from diffmst_jax.mixing.report.words import (
    compressor_words,
    equalizer_words,
    hertz,
    pan_words,
    significant,
)
from diffmst_jax.mixing.signals.measure import integrated_loudness
from diffmst_jax.mixing.sources.strips import Strip

LARGEST_BYTES = 10_000_000
VOID = {"meta", "br", "link", "input", "img", "hr"}


class Checker(HTMLParser):
    """Collects tags, their links, and whether every one is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(mixed):
    return mixed.report.html


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(page):
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.seen.count("audio") == 4
    assert all(link.startswith("data:audio/mpeg;base64,") for link in checker.links)
    assert not re.search(r"https?:|@import|url\(", page)
    assert "$" not in re.sub(r"base64,[^\"]*", "", page)


def test_the_page_is_small_enough_to_send(page):
    assert len(page.encode()) < LARGEST_BYTES


def test_the_page_names_every_track_and_what_was_left_out(page, mixed):
    for strip in mixed.console.strips:
        assert f"<h3>{strip.name}</h3>" in page
    assert "silent.wav was left out: it is silent." in page


def test_no_number_is_missing(page):
    text = re.sub(r"base64,[^\"]*", "", page)
    assert not re.search(
        r"\b(nan|inf|None)\b", re.sub(r"<script>.*</script>", "", text, flags=re.S)
    )


def test_names_cannot_break_out_of_the_page(mixed):
    facts = mixed.report.facts
    bad = '<script>alert("x")</script>&.wav'
    strips = (Strip(bad, (1,)), *facts.settings.strips[1:])
    settings = dataclasses.replace(facts.settings, strips=strips)
    page = report_html(report_content(facts._replace(song=bad, settings=settings)))
    assert bad not in page
    assert "&lt;script&gt;alert" in page


def test_a_pair_is_drawn_as_loud_as_both_its_channels_are(mixed):
    """As measured of the recording, which is all there is in the mix."""
    facts = mixed.report.facts
    index = next(i for i, s in enumerate(facts.settings.strips) if len(s.channels) == 2)
    strip = facts.settings.strips[index]
    here = facts.multitrack.strip_of_track == index
    audio = np.asarray(facts.multitrack.audio[here])
    powers = np.zeros(len(facts.settings.strips))
    powers[index] = np.sum(np.mean(np.square(audio), axis=1))
    views = facts.views._replace(mix=facts.views.mix._replace(audio=audio))
    alone = facts._replace(views=views, rendered=facts.rendered._replace(strip_powers=powers))
    (drawn,) = (view for view in strip_views(alone) if view.name == strip.name)
    expected = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    assert drawn.loudness_lufs == pytest.approx(expected, abs=0.1)


def test_the_level_is_called_what_it_is(page):
    """Not the fader's move: equalizer and compressor are in it."""
    assert "the fader's move" not in page
    assert "louder or quieter the track is in the mix than in the plain sum" in page


def test_tracks_are_sorted_by_how_much_they_change_the_mix(mixed):
    shares = [view.share for view in strip_views(mixed.report.facts)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0


def judged(mixed, before, after):
    """The views of the small mix with other distances, given for every term but the sum."""
    views = mixed.report.facts.views
    return views._replace(
        plain=views.plain._replace(distance=AudioFeatureLoss(sum(before), *before)),
        mix=views.mix._replace(distance=AudioFeatureLoss(sum(after), *after)),
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            (0.01, 0.0, 0.0, 0.0, 0.02),
            "Tone (0.300 to 0.0200) closed most of the gap. No term went noticeably further away.",
        ),
        (
            (0.01, 0.05, 0.0, 0.0, 0.2),
            "Tone (0.300 to 0.200) and width (0.0200 to 0) closed most of the gap. "
            "Punch (0 to 0.0500) went further away.",
        ),
        (
            (0.02, 0.04, 0.02, 0.0, 0.3),
            "Punch (0 to 0.0400) and density (0.0100 to 0.0200) went further away.",
        ),
        ((0.01, 0.0, 0.02, 0.0, 0.3), "No term moved noticeably."),
    ],
)
def test_it_is_said_which_terms_closed_the_gap_and_which_did_not(mixed, after, said):
    views = judged(mixed, (0.01, 0.0, 0.02, 0.0, 0.3), after)
    measured = "Distances are measured on the whole of each, at one loudness."
    yardstick = "Two halves of one finished song are about 0.057 apart."
    assert " ".join(reasons(views)) == f"{said} {measured} {yardstick}"


@pytest.mark.parametrize(
    ("holds_back", "named"),
    [
        (False, ["The song"]),
        (
            True,
            [
                "The song without the stretch held back",
                "If all of it had changed as that stretch did",
            ],
        ),
    ],
)
def test_refined_distances_say_whether_they_are_of_all_of_the_song(mixed, holds_back, named):
    facts = mixed.report.facts
    pair = BeforeAfter(facts.views.plain.distance, facts.views.mix.distance)
    unseen = pair if holds_back else None
    refinement = Refinement(facts.settings, 1, 1.0, (0.3, 0.004), pair, unseen)
    section = refinement_section(refinement, is_scaled=False)
    assert re.findall("<h3>(.*?)</h3>", section) == named


@pytest.mark.parametrize(
    ("is_scaled", "before"),
    [
        (False, "before the limiter.</p>"),
        (True, "before the limiter and the amount asked for.</p>"),
    ],
)
def test_a_refined_curve_says_that_it_is_not_of_the_finished_mix(mixed, is_scaled, before):
    """Through the limiter a song may come farther away while the curve falls."""
    facts = mixed.report.facts
    pair = BeforeAfter(facts.views.plain.distance, facts.views.mix.distance)
    refinement = Refinement(facts.settings, 1, 0.75, (0.3, 0.004), pair, None)
    section = refinement_section(refinement, is_scaled=is_scaled)
    assert before in section
    assert " 75\N{NO-BREAK SPACE}% was kept" in section


def test_the_master_shows_what_its_compressor_and_the_limiter_did(mixed):
    facts = mixed.report.facts
    view = master_view(facts)
    assert [label for label, _ in view.settings] == [
        "Faders",
        "Equalizer",
        "Compressor",
        "Limiter",
    ]
    most = -float(np.min(view.limiting_db))
    assert most == pytest.approx(facts.finished.level.limiting_db, abs=0.3)
    level = facts.finished.level._replace(limiting_db=most + 0.1)
    off = facts._replace(finished=facts.finished._replace(level=level))
    assert (
        master_view(off).settings[-1][1] == f"at \N{MINUS SIGN}1 dBTP: {most + 0.1:.1f} dB at most"
    )
    assert view.reduction_db is not None
    assert len(view.reduction_db) == len(view.limiting_db)
    hard = view._replace(reduction_db=np.full(128, -4.0), limiting_db=np.full(128, -3.0))
    drawn = strip_card(hard)
    assert "Gain of the compressor of Master bus" in drawn
    assert "Gain of the limiter after Master bus" in drawn


@pytest.mark.parametrize(("most", "reach"), [(3.0, 12), (-12.0, 12), (19.0, 24), (-31.3, 36)])
def test_all_of_an_equalizer_is_drawn(mixed, most, reach):
    track = strip_views(mixed.report.facts)[0]
    assert track.equalizer_db is not None
    drawn = strip_card(track._replace(equalizer_db=np.full_like(track.equalizer_db, most)))
    assert f">+{reach}<" in drawn


def test_names_on_the_stage_stand_nearest_to_their_own_dots(mixed):
    track = strip_views(mixed.report.facts)[0]
    places = {"a": (0.03, -20.1), "b": (0.03, -20.7), "c": (0.03, -22.0), "d": (0.03, -24.2)}
    places |= {"middle": (0.5, -31.2), "beside": (0.7, -31.2), "low": (0.5, -38.0)}
    drawn = stage(
        [track._replace(name=n, pan=(p,), loudness_lufs=level) for n, (p, level) in places.items()]
    )
    place = r'style="left:([\d.]+)%;top:([\d.]+)%"'
    dots = [
        (float(x), float(y), name)
        for x, y, name in re.findall(rf'class="dot" {place} title="(\w+)"', drawn)
    ]
    names = re.findall(rf'class="tag[ left]*" {place}>(\w+)<', drawn)
    assert {name for *_, name in names} >= {"a", "d", "middle", "low"}
    for x, y, name in names:
        nearest = min((abs(float(y) - b), dot) for a, b, dot in dots if abs(float(x) - a) < 1)
        assert nearest[1] == name
    (name_y,) = (float(y) for _, y, name in names if name == "middle")
    assert all(abs(name_y - b) >= 3 for *_, b, dot in dots if dot == "beside")


def test_short_names_leave_room_for_others_on_the_stage(mixed):
    track = strip_views(mixed.report.facts)[0]
    places = {"bass": (0.03, -24.6), "cymbals": (0.27, -29.1), "strings": (0.70, -29.5)}
    places |= {"pipe": (0.03, -30.2), "piano": (0.5, -30.2), "drum": (0.03, -32.5)}
    drawn = stage(
        [track._replace(name=n, pan=(p,), loudness_lufs=level) for n, (p, level) in places.items()]
    )
    assert set(re.findall(r'class="tag[^>]*>(\w+)<', drawn)) == set(places)


def test_a_muted_track_is_shown_as_muted(mixed):
    facts = mixed.report.facts
    muted = np.array([True, False, False, False])
    powers = np.where(muted, 0.0, facts.rendered.strip_powers)
    views = strip_views(
        facts._replace(
            settings=dataclasses.replace(facts.settings, muted=muted),
            rendered=facts.rendered._replace(strip_powers=powers),
        )
    )
    kick = next(view for view in views if view.name == "1 kick")
    assert kick.level_db is None
    assert ("Level", "muted") in kick.settings


def test_numbers_are_written_for_people():
    assert [significant(x) for x in (0.0, 33.421, 0.056, 0.0000123)] == [
        "0",
        "33.4",
        "0.0560",
        "0.0000123",
    ]
    assert [signed(x) for x in (1.25, -0.04, -3.0)] == ["+1.2", "0.0", "\N{MINUS SIGN}3.0"]
    assert [hertz(x) for x in (63.4, 994.9, 8123.0)] == ["63 Hz", "990 Hz", "8.1 kHz"]
    assert {hertz(x) for x in (995.0, 999.9, 1000.0)} == {"1.0 kHz"}
    assert [pan_words(x) for x in (0.5, 0.25, 1.0)] == ["centre", "50 % left", "100 % right"]
    assert nice_ticks(12.0) == [0, 2, 4, 6, 8, 10, 12]
    assert len(nice_ticks(301.0)) <= 8


def test_an_equalizer_that_does_nothing_is_flat(mixed):
    equalizer = mixed.console.params.master_bus.equalizer
    assert equalizer_words(equalizer._replace(gain_db=0 * equalizer.gain_db)) == "flat"
    words = equalizer_words(equalizer._replace(gain_db=np.array([3.0, 0, 0, 0, 0, -2.0])))
    assert re.fullmatch(r"\+3\.0 dB below \S+ Hz, .2\.0 dB above \S+ kHz", words)


def test_makeup_gain_that_is_not_zero_as_written_is_told(mixed):
    compressor = mixed.console.params.master_bus.compressor._replace(ratio=1.0)
    words = [compressor_words(compressor._replace(makeup_gain_db=x)) for x in (0.04, 0.06, 0.45)]
    assert words == ["off", "off, +0.1 dB", "off, +0.5 dB"]


def test_a_curve_stops_where_it_is_unknown():
    x = np.arange(6.0)
    y = np.array([1.0, 1.0, np.nan, 2.0, 2.0, np.nan])
    drawn = chart([Curve("a", "mix", x, y)], Axis(0, 5, (0, 5)), Axis(0, 2, (0, 2)), title="t")
    assert drawn.count("<polyline") == 2
    assert "nan" not in drawn


def test_tracks_that_drown_are_named_together(mixed):
    strips = strip_views(mixed.report.facts)
    clear = [strip._replace(audibility=0.5) for strip in strips]
    assert buried(clear) == []
    one = [clear[0]._replace(name="bass", audibility=0.001), *clear[1:]]
    assert buried(one) == ["bass is hardly heard beside the others; raise its input_gain_db."]
    two = [one[0], clear[1]._replace(name="pad", audibility=0.0), *clear[2:]]
    assert buried(two)[0].startswith("pad and bass are hardly heard")
