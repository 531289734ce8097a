import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.api import mix
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.controls import Controls
from diffmst_jax.losses import band_excitation, normalize_loudness, style_distance
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.console.amount import Amounts, free_settings
from diffmst_jax.mixing.console.file import load_console
from diffmst_jax.mixing.console.settings import RefinementNote
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.refining.objective import (
    BURIED,
    END,
    PRESSED,
    WAY,
    _mix,
    _prior,
    moved,
    problem_of,
)
from diffmst_jax.mixing.refining.passages import (
    FADE,
    LEAD,
    LONG,
    PIECE,
    PIECES,
    STEP,
    STRETCH,
    choose_passages,
    cut,
)
from diffmst_jax.mixing.refining.refine import (
    _ADAM,
    SHARES,
    STEP_SIZE,
    WARMING,
    _cut,
    _step,
    _Work,
    refine,
)
from diffmst_jax.mixing.rendering.render import render, source_gains, stem_pieces
from diffmst_jax.mixing.report.words import refinement_words
from diffmst_jax.mixing.sources.reference import Reference, blended, read_reference
from diffmst_jax.mixing.sources.style import MATCHED_LUFS, song_style
from diffmst_jax.models.compact.matching import AUDIBLE
from diffmst_jax.models.compact.starting_point import head_scales
from tests.compiling import quick_jit
from tests.export.consoles import random_console

STEPS = 8
controls_of = quick_jit(functools.partial(dsp.console_controls, sample_rate=SAMPLE_RATE))
normalized = jax.jit(functools.partial(normalize_loudness, sample_rate=SAMPLE_RATE))
excitation_of = jax.jit(functools.partial(band_excitation, sample_rate=SAMPLE_RATE))


@pytest.fixture(scope="module")
def long_song(multitrack):
    """The small song four times over, long enough to hold a stretch back, with a track that swells.

    So the stretch is not like the rest.
    """
    audio = np.tile(multitrack.audio, 4)
    audio[0] *= np.linspace(0.0, 1.0, audio.shape[1], dtype=np.float32)
    return dataclasses.replace(multitrack, audio=audio)


@pytest.fixture(scope="module")
def start(multitrack):
    return neutral_settings(multitrack, target=OutputTarget())


@pytest.fixture(scope="module")
def target(reference):
    return song_style(read_reference(reference))


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def refined(start, long_song, target, told):
    return refine(
        start, long_song, target, steps=STEPS, progress=lambda done, loss: told.append((done, loss))
    )


@pytest.fixture
def one_medley(monkeypatch):
    """A third of the work where it does not matter that medleys take turns, as they do above."""
    monkeypatch.setattr("diffmst_jax.mixing.refining.passages.MEDLEYS", 1)


@pytest.mark.slow
def test_refining_comes_closer_where_it_looked_and_where_it_did_not(refined):
    assert refined.seen.after.total < 0.7 * refined.seen.before.total
    assert refined.unseen.after.total < 0.8 * refined.unseen.before.total


def test_refined_settings_are_in_their_ranges_and_finite(refined, start):
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    inside = jax.tree.map(
        lambda limits, leaf: bool(np.all((leaf >= limits.low) & (leaf <= limits.high))),
        ranges,
        refined.settings.params,
        is_leaf=lambda node: isinstance(node, dsp.Range),
    )
    assert all(jax.tree.leaves(inside))
    assert len(refined.settings.params.tracks.pan) == len(start.strips)


def test_progress_tells_every_step_and_its_distance(refined, told):
    """And goes on while what was reached is judged."""
    assert refined.steps == STEPS
    done, distances = zip(*told, strict=True)
    assert distances[: STEPS + 1] == refined.distances
    assert set(distances[STEPS:]) == {refined.distances[-1]}
    assert done[0] == 0
    assert done[-1] < 1
    steps = sorted(set(done))
    assert list(done) == sorted(done)
    np.testing.assert_allclose(np.diff(steps), steps[1], rtol=1e-9)
    assert len(steps) > STEPS + 1


def test_what_is_locked_or_unwanted_stays_exactly(start, multitrack, target):
    locked = np.array([True, False, False, False])
    free = free_settings(start, Amounts(eq=0.0, master=0.0), locked)
    settings = refine(start, multitrack, target, steps=2, free=free).settings
    before, after = start.params, settings.params
    same = jax.tree.map(lambda a, b: np.all(a == b), before.master_bus, after.master_bus)
    assert all(jax.tree.leaves(same))
    np.testing.assert_array_equal(after.tracks.equalizer.gain_db, 0.0)
    assert after.tracks.input_gain_db[0] == before.tracks.input_gain_db[0]
    assert np.all(after.tracks.input_gain_db[1:] != before.tracks.input_gain_db[1:])
    assert np.all(after.tracks.pan[1:] != before.tracks.pan[1:])


def test_beside_a_mono_reference_positions_of_mono_tracks_stay(start, multitrack, target):
    is_pair = [strip.is_pair for strip in start.strips]
    assert any(is_pair)
    mono = np.tile(multitrack.audio[0], (2, 1))
    old = Reference("old.wav", mono, song_style(mono))
    also = dataclasses.replace(old, weight=0.3)
    everywhere = [True] * len(is_pair)
    cases = (blended([old]), is_pair), (blended([old, also]), is_pair), (target, everywhere)
    for wanted, expected in cases:
        free = problem_of(start, multitrack, wanted, None, 8).free.tracks
        np.testing.assert_array_equal(free.pan[: len(is_pair)], expected)
        assert np.all(free.input_gain_db)


def test_no_step_changes_nothing(start, multitrack, target):
    refined = refine(start, multitrack, target, steps=0)
    assert refined.seen.before == refined.seen.after
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
        refined.settings.params,
        start.params,
    )
    assert refined.unseen is None, "too short a song to hold a stretch back"


def rest(mix, settings, song):
    """Of a mix, but for the stretch that is held back."""
    held = choose_passages(song.audio, source_gains(settings)).unseen
    assert held is not None
    return np.delete(mix, np.s_[held : held + STRETCH], axis=1)


@pytest.mark.slow
@pytest.mark.usefixtures("one_medley")
def test_what_is_kept_of_the_way_is_the_best_as_it_will_be_heard(
    start, long_song, target, monkeypatch
):
    """Heard through what leaves one channel, of which the way knows nothing."""
    passed, prices = [], []
    price = _Work.price

    def noted(*settled):
        prices.append(price(*settled))
        return prices[-1]

    monkeypatch.setattr(_Work, "price", noted)

    def finish(settings):
        passed.append(settings)
        return settings

    def deliver(mix):
        return np.stack([mix[0], np.zeros_like(mix[0])])

    found = refine(start, long_song, target, steps=STEPS, finish=finish, deliver=deliver)
    mixes = [deliver(render(settings, long_song).mix) for settings in passed]
    distances = [
        float(style_distance(song_style(rest(mix, start, long_song)), target).total)
        for mix in mixes
    ]
    best = int(np.argmin(np.add(distances, prices)))
    assert best > 0
    assert found.seen.after.total == pytest.approx(distances[best], rel=1e-4)
    assert found.seen.before.total == pytest.approx(distances[0], rel=1e-4)
    same = jax.tree.map(np.array_equal, found.settings.params, passed[best].params)
    assert all(jax.tree.leaves(same))


@pytest.mark.slow
@pytest.mark.usefixtures("one_medley")
def test_a_faint_track_is_heard_more_though_that_leads_away(start, long_song):
    """The song is at its reference, and the level of a track that is lost in it may move."""
    gains = start.params.tracks.input_gain_db.copy()
    gains[0] -= 10.0
    tracks = start.params.tracks._replace(input_gain_db=gains)
    buried = dataclasses.replace(start, params=start.params._replace(tracks=tracks))
    here = song_style(rest(render(buried, long_song).mix, buried, long_song))
    free = jax.tree.map(lambda leaf: np.zeros(np.shape(leaf), bool), buried.params)
    free.tracks.input_gain_db[0] = True
    found = refine(buried, long_song, here, steps=STEPS, free=free)
    assert found.share > 0
    assert found.seen.after.total > found.seen.before.total
    assert found.settings.params.tracks.input_gain_db[0] > gains[0] + 2.0

    def back(settings):
        return dataclasses.replace(settings, params=buried.params)

    assert refine(buried, long_song, here, steps=3, free=free, finish=back).share == 0.0


@pytest.mark.slow
@pytest.mark.usefixtures("one_medley")
def test_no_way_is_kept_that_leads_the_song_away_from_the_reference(start, long_song):
    """A reference that the song is at already but for what is held back."""
    here = song_style(rest(render(start, long_song).mix, start, long_song))
    refined = refine(start, long_song, here, steps=STEPS)
    assert refined.share == 0.0
    assert refined.seen.before == refined.seen.after


def test_medleys_say_how_far_the_song_is_and_not_themselves(refined, start, long_song, target):
    """To the end of the way, on which what they differ by changes."""
    song = song_style(rest(render(start, long_song).mix, start, long_song))
    distance = float(style_distance(song, target).total)
    assert refined.distances[0] == pytest.approx(distance, rel=1e-3)
    assert refined.seen.before.total == pytest.approx(distance, rel=1e-3)
    assert refined.share == 1.0
    assert refined.distances[-1] == pytest.approx(refined.seen.after.total, rel=0.1)


def test_the_stretch_speaks_for_the_song_and_not_for_itself(refined):
    assert refined.unseen.before.total == pytest.approx(refined.seen.before.total, rel=1e-5)
    assert refined.unseen.after.total != refined.seen.after.total


def test_the_first_step_is_small(start, multitrack, target):
    """Adam makes a whole one of it, in every control, whatever it knows."""
    places = [
        controls_of(settings.params)
        for settings in (start, refine(start, multitrack, target, steps=1).settings)
    ]
    before, after = (np.asarray(place[0], np.float64) for place in places)
    inside = np.clip(before, END, 1 - END)
    steps = np.log((inside + after - before) / (1 - inside - after + before))
    steps -= np.log(inside / (1 - inside))
    scales = quick_jit(functools.partial(head_scales, sample_rate=SAMPLE_RATE))()
    steps /= np.asarray(scales.track)
    assert 0 < np.max(np.abs(steps)) <= 1.2 * STEP_SIZE / WARMING


@pytest.mark.usefixtures("one_medley")
def test_what_is_said_is_of_the_mix_at_its_amount(start, long_song, target):
    """At amount 0 nothing is done, so nothing may come closer, however far the steps went."""

    def nothing(settings):
        return dataclasses.replace(settings, params=start.params)

    idle = refine(start, long_song, target, steps=2, finish=nothing)
    assert idle.distances[-1] != idle.distances[0]
    for pair in (idle.seen, idle.unseen):
        assert pair is not None
        assert pair.after == pair.before
    assert idle.seen.before.total == pytest.approx(idle.distances[0], rel=1e-3)
    assert idle.settings.params is start.params


def test_negative_steps_are_refused(start, multitrack, target):
    with pytest.raises(ValueError, match="steps is -1"):
        refine(start, multitrack, target, steps=-1)


def prior(start, long_song, target, **changes):
    """Prior of settings that the search may have come to, and how audible each strip is there."""
    problem = problem_of(start, long_song, target, None, 8)
    tracks = problem.start.tracks._replace(**changes)
    problem = problem._replace(start=problem.start._replace(tracks=tracks))
    still = Controls(jnp.zeros((8, dsp.TRACK_CONTROLS)), jnp.zeros(25), jnp.zeros(26))
    medley = _cut(start, long_song, (0,) * PIECES, 8)
    rate = np.float32(0)
    return _step(still, _ADAM.init(still), problem, medley, rate, start.config)[2]


def test_the_prior_counts_what_equalizers_pile_up_beyond_the_prediction(start, long_song, target):
    problem = problem_of(start, long_song, target, None, 8)
    still = Controls(jnp.zeros((8, dsp.TRACK_CONTROLS)), jnp.zeros(25), jnp.zeros(26))
    piled = problem.start.tracks.equalizer._replace(gain_db=np.full((8, 6), 10.0, np.float32))
    boosted = problem.start._replace(tracks=problem.start.tracks._replace(equalizer=piled))
    judge = quick_jit(_prior)

    def cost(now, before):
        return judge(still, now, jnp.full(8, 0.5), problem._replace(start=before))

    assert cost(problem.start, problem.start) < 1e-6
    assert cost(boosted, problem.start) > 1e-2
    assert cost(boosted, boosted) < 1e-6


def test_the_prior_counts_the_way_ends_of_ranges_and_faint_tracks_per_track(
    start, long_song, target
):
    problem = problem_of(start, long_song, target, None, 8)
    still = Controls(jnp.zeros((8, dsp.TRACK_CONTROLS)), jnp.zeros(25), jnp.zeros(26))
    gone = jax.tree.map(lambda leaf: leaf + 1.0, still)
    pan = problem.start.tracks._replace(pan=np.zeros(8, np.float32))
    aside = problem.start._replace(tracks=pan)
    tracks, judge = len(long_song.audio), quick_jit(_prior)

    def cost(steps=still, now=problem.start, heard=0.5):
        return tracks * judge(steps, now, jnp.full(8, heard), problem)

    controls = sum(leaf.size for leaf in still)
    assert cost(steps=gone) == pytest.approx(WAY * controls, rel=1e-4)
    assert cost(now=aside) == pytest.approx(8 * PRESSED, rel=1e-4)
    assert cost(heard=AUDIBLE / np.e) == pytest.approx(8 * BURIED, rel=1e-4)


def test_the_prior_counts_buried_tracks(start, long_song, target):
    before = prior(start, long_song, target)
    buried = np.zeros(8)
    buried[2] = -48.0
    judged = prior(start, long_song, target, input_gain_db=buried)
    assert judged.audibility[2] < 0.02 < before.audibility[2]
    assert judged.prior > before.prior + 1e-3


@pytest.mark.parametrize("first", [0, PIECE])
def test_what_is_heard_in_one_piece_after_another_is_the_mix(multitrack, target, first):
    """A pair, its compressor and the master's lookahead included, to the end of the song.

    What a compressor still does after `LEAD` is left out.
    """
    multitrack = dataclasses.replace(multitrack, audio=multitrack.audio[:, : -PIECE // 2])
    settings = random_console(multitrack, 3)
    problem = problem_of(settings, multitrack, target, None, 8)
    starts = tuple(range(first, multitrack.audio.shape[1], PIECE))
    run = quick_jit(functools.partial(_mix, config=settings.config))
    found, excitations = run(problem.start, problem, _cut(settings, multitrack, starts, 8))
    mix = render(settings, multitrack).mix[:, first:]
    wanted = np.asarray(normalized(mix, MATCHED_LUFS))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3 * np.max(np.abs(wanted)))
    part = multitrack.audio[:, : first + PIECE]
    stems = np.concatenate(list(stem_pieces(settings, [part])), axis=-1)[..., first:]
    mono = np.flatnonzero(np.bincount(multitrack.strip_of_track) == 1)
    heard = np.sum(np.asarray(excitation_of(stems[mono])), axis=1)
    of_first = np.asarray(excitations)[..., : heard.shape[-1]]
    of_first = of_first[np.searchsorted(multitrack.strip_of_track, mono)]
    np.testing.assert_allclose(of_first, heard, rtol=0, atol=1e-4 * np.max(heard))


def test_steps_of_zero_are_the_start_and_large_ones_stay_in_range(start, long_song, target):
    problem = problem_of(start, long_song, target, None, 8)
    still = Controls(jnp.zeros((8, dsp.TRACK_CONTROLS)), jnp.zeros(25), jnp.zeros(26))
    move = jax.jit(moved)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4),
        move(still, problem),
        problem.start,
    )
    far = jax.tree.map(lambda leaf: leaf + 50.0, still)
    controls = jax.device_get(controls_of(move(far, problem)))
    assert all(np.all((c >= -1e-6) & (c <= 1 + 1e-6)) for c in controls)


def test_medleys_sound_like_the_song_and_leave_the_held_back_stretch_alone():
    rng = np.random.default_rng(0)
    tracks = rng.standard_normal((3, 6 * STRETCH)).astype(np.float32)
    third = tracks.shape[1] // 3
    tracks[0, third:] *= 0.01
    tracks[1, :third] *= 0.01
    passages = choose_passages(tracks, np.ones((len(tracks), 1)))
    starts = [start for medley in passages.seen for start in medley]
    held = passages.unseen
    assert held is not None
    assert all(start + PIECE <= held or start >= held + STRETCH for start in starts)
    assert len(set(starts)) == len(starts)
    for medley in passages.seen:
        assert list(medley) == sorted(medley)
        pieces = cut(tracks, medley, latency=0).audio[..., LEAD:]
        powers = np.mean(np.square(pieces), axis=(0, 2))
        whole = np.mean(np.square(tracks), axis=1)
        np.testing.assert_allclose(10 * np.log10(powers / whole), 0.0, atol=3.0)


def test_the_last_stretch_of_a_song_is_held_back_if_it_is_most_like_all_of_it():
    tracks = np.zeros((1, 3 * STRETCH))
    tracks[:, -STRETCH:] = 1.0
    tracks[:, :STEP] = np.sqrt(2 * STRETCH / STEP)
    assert choose_passages(tracks, np.ones((1, 1))).unseen == 2 * STRETCH


def test_the_shortest_song_that_holds_back_leaves_as_much_to_listen_to():
    passages = choose_passages(np.ones((1, LONG)), np.ones((1, 1)))
    assert passages.unseen is not None
    left = np.ones(LONG, bool)
    left[passages.unseen : passages.unseen + STRETCH] = False
    assert 2 * np.sum(left) == LONG
    assert all(left[start] and left[start + PIECE - 1] for m in passages.seen for start in m)


def test_a_short_song_is_heard_whole():
    tracks = np.random.default_rng(0).standard_normal((2, LONG - 1)).astype(np.float32)
    passages = choose_passages(tracks, np.ones((2, 1)))
    assert passages.unseen is None
    (medley,) = passages.seen
    audio, window = cut(tracks, medley, latency=0)
    heard = np.concatenate(list(audio[..., LEAD:]), axis=-1)
    np.testing.assert_array_equal(heard[:, : LONG - 1], tracks)
    np.testing.assert_array_equal(window, np.ones(LONG - 1))


@pytest.mark.parametrize("hiss", [0.0, 1e-5])
def test_a_song_that_sounds_in_one_place_alone_is_heard_whole(hiss):
    """What would be left of it without that is as good as silent and has no style."""
    tracks = np.full((1, 2 * LONG), hiss, np.float32)
    tracks[:, LONG : LONG + STEP] = 0.5
    passages = choose_passages(tracks, np.ones((1, 1)))
    assert passages.unseen is None
    heard = cut(tracks, passages.seen[0], latency=0).audio[..., LEAD:]
    assert np.sum(heard) == pytest.approx(np.sum(tracks), rel=1e-5)


def test_a_muted_track_has_no_say_in_where_refinement_listens():
    tracks = np.random.default_rng(0).standard_normal((2, 4 * STRETCH))
    tracks *= np.linspace([0.0, 1.0], [1.0, 0.0], 4 * STRETCH).T
    alone = choose_passages(tracks[:1], np.ones((1, 1)))
    assert choose_passages(tracks, np.array([[1.0], [0.0]])) == alone
    assert choose_passages(tracks, np.ones((2, 1))) != alone


def test_a_medley_fades_only_where_a_piece_does_not_go_on():
    tracks = np.ones((1, 6 * PIECE), np.float32)
    window = cut(tracks, (PIECE, 2 * PIECE, 4 * PIECE), latency=0).window
    np.testing.assert_array_equal(window[: 2 * PIECE - FADE], 1.0)
    np.testing.assert_allclose(window[2 * PIECE - 1 : 2 * PIECE + 1], 0.0, atol=1e-12)
    np.testing.assert_array_equal(window[2 * PIECE + FADE :], 1.0)


def test_a_piece_comes_with_what_the_console_hears_before_and_after_it():
    tracks = np.arange(3 * PIECE, dtype=np.float32)[None]
    audio = cut(tracks, (0, PIECE), latency=5).audio
    np.testing.assert_array_equal(audio[0, 0, :LEAD], 0.0)
    np.testing.assert_array_equal(audio[0, 0, LEAD:], np.arange(PIECE + 5))
    np.testing.assert_array_equal(audio[1, 0], np.arange(PIECE - LEAD, 2 * PIECE + 5))


def test_a_song_shorter_than_a_piece_is_heard_whole():
    passages = choose_passages(np.ones((1, 1000), np.float32), np.ones((1, 1)))
    assert passages.unseen is None
    assert all(start == 0 for medley in passages.seen for start in medley)
    assert np.sum(cut(np.ones((1, 1000)), (0,), latency=0).audio) == 1000


def test_a_refined_mix_says_so_in_its_settings_and_its_report(song, reference, model, tmp_path):
    told = []
    result = mix(
        song,
        reference,
        model=model,
        refine=2,
        amount="pan=0",
        lock=["*kick*"],
        progress=lambda stage, done: told.append((stage, done)),
    )
    note = result.console.provenance.refinement
    assert note is not None
    assert note.steps == 2
    assert note.seen_after < note.seen_before
    assert note.unseen_before is None
    result.write(tmp_path)
    assert load_console(tmp_path / "console.json").provenance == result.console.provenance
    assert "<h2>Refinement</h2>" in result.report.html
    assert result.console.provenance.locked == ("*kick*",)
    assert ("Locked", "*kick*") in result.report.facts.about
    tracks = result.console.params.tracks
    np.testing.assert_array_equal(tracks.pan, 0.5)
    np.testing.assert_array_equal(tracks.equalizer.gain_db[0], 0.0)
    assert tracks.compressor.ratio[0] == 1.0
    assert [stage for stage, _ in told].count("Mixing") >= 2
    assert [stage for stage, _ in told].count("Reading") == 1 + len(list(song.iterdir()))
    assert sum(stage.startswith("Refining ") for stage, _ in told) == 3 + len(SHARES)
    assert [done for _, done in told] == sorted(done for _, done in told)


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (None, ""),
        (
            RefinementNote(60, 0.05, 0.003, 0.05, 0.02),
            "Refined in 60 steps: style distance 0.0500 to 0.00300 "
            "without a stretch held back as a check, which says 0.0200.",
        ),
        (
            RefinementNote(60, 0.05, 0.05, 0.05, 0.05),
            "Refined in 60 steps: nothing of it was kept, for the prediction was better.",
        ),
        (
            RefinementNote(9, 0.003, 0.0031),
            "Refined in 9 steps: style distance 0.00300 to 0.00310 (farther, for a faint track is "
            "heard more); there was no stretch to hold back.",
        ),
        (
            RefinementNote(1, 0.05, 0.003),
            "Refined in 1 step: style distance 0.0500 to 0.00300; "
            "there was no stretch to hold back.",
        ),
    ],
)
def test_what_refining_did_is_said_in_a_sentence(note, said):
    assert refinement_words(note) == said
