"""The picture of the console that the compact model starts from, against the console itself."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

import dsp
from diffmst_jax.losses import style_features
from diffmst_jax.losses.audio_features import BARK_FLOOR
from diffmst_jax.models.compact.bands import style_band_hz
from diffmst_jax.models.compact.energies import LOWEST_HZ
from diffmst_jax.models.compact.masking import energy_over_time, heard_shares
from diffmst_jax.models.compact.matching import (
    AUDIBLE,
    COSTS,
    EVERYDAY_DB,
    FIRST_COSTS,
    FIRST_FARTHEST,
    Costs,
    Solution,
    match,
)
from diffmst_jax.models.compact.peaks import samples_in_bands
from diffmst_jax.models.compact.picture import (
    Heard,
    Mix,
    Picture,
    Segments,
    boosts_db,
    paired,
    picture,
    positions,
    strip_gains,
)
from diffmst_jax.models.compact.spectra import analyse
from diffmst_jax.models.compact.starting_point import (
    MARGIN,
    head_scales,
    hear_segments,
    resting_mix,
    wanted_picture,
    with_mix,
)
from tests.compiling import quick_jit
from tests.models.heard_song import (
    ALL,
    CONFIG,
    PAIR,
    RATE,
    TIME,
    audio,
    energies,
    hear,
    heard,
    start_of,
    style_of,
)

_look = quick_jit(functools.partial(picture, rate=RATE))
boosts = quick_jit(functools.partial(boosts_db, rate=RATE))
gains = quick_jit(functools.partial(strip_gains, rate=RATE))
wanted_of = quick_jit(wanted_picture)
resting = quick_jit(functools.partial(resting_mix, rate=RATE))
over_time = quick_jit(functools.partial(energy_over_time, sample_rate=RATE))
shares_of = quick_jit(lambda tracks, mix: heard_shares(tracks, mix, boosts_db(tracks, mix, RATE)))
crest_of = quick_jit(lambda x: style_features(x, sample_rate=RATE).crest_factor_db)
_solve = quick_jit(functools.partial(match, rate=RATE))
pair_up = quick_jit(paired)


def look(tracks, mix) -> Picture:
    return jax.device_get(_look(tracks, mix))


@quick_jit
def controls_of(mix):
    params = with_mix(dsp.neutral_console(4, sample_rate=RATE), mix, PAIR)
    return dsp.console_controls(params, sample_rate=RATE)


def solve(tracks, wanted, rest, moved=None, costs=COSTS) -> Solution:
    moved = jax.tree.map(np.zeros_like, rest) if moved is None else moved
    return jax.device_get(_solve(tracks, wanted, rest, moved=moved, costs=costs))


@quick_jit
def in_four(known, tracks):
    found = analyse(tracks, CONFIG, sample_rate=RATE, segments=4)
    return hear_segments(known, found.segments)


def in_segments(tracks) -> tuple[Heard, Segments]:
    """What the picture knows of the tracks and of four segments of them; no pairs."""
    known = hear(tracks, side=np.zeros(4, np.int32))
    return jax.device_get((known, in_four(known, tracks)))


def entering_late():
    """The song, whose last track has all of its energy in the last quarter."""
    return audio()[0].at[3, : 3 * TIME // 4].set(0.0).at[3, 3 * TIME // 4 :].multiply(2.0)


def random_mix() -> Mix:
    rng = np.random.default_rng(1)
    flat = resting(heard()[0], ALL, PAIR, heard()[2])
    draw = functools.partial(rng.uniform, -6.0, 6.0)
    mix = flat._replace(
        gain_db=flat.gain_db + draw(4),
        pan=rng.uniform(0.1, 0.9, 4),
        equalizer=flat.equalizer._replace(gain_db=draw((4, 6))),
        master=flat.master._replace(gain_db=draw(6)),
    )
    return pair_up(jax.tree.map(np.float32, mix), PAIR)


def at_one_place(hz: float, tracks: int):
    """As if all that a track has in the lowest band lay at the place nearest to `hz`."""
    nearest = np.argmin(np.abs(np.log(LOWEST_HZ / hz)))
    return np.tile(np.float32(np.arange(len(LOWEST_HZ)) == nearest), (tracks, 1))


def error(seen: Picture, wanted: Picture) -> Picture:
    """Differences at one loudness."""
    level = (wanted.loudness_db - seen.loudness_db) * np.log(10) / 20
    apart = jax.tree.map(lambda a, b: np.abs(a - b), seen, wanted)
    return apart._replace(spectrum=np.abs(seen.spectrum + level - wanted.spectrum))


def test_energies_of_any_sum_follow_from_what_tracks_share():
    """Float64 of the same spectra; sums of dependent tracks included."""
    tracks, _ = audio()
    weights = np.array([0.5, -1.0, 2.0, 0.3], np.float32)
    direct = energies((weights @ tracks)[None])[:, 0, 0]
    np.testing.assert_allclose(weights @ energies(tracks) @ weights, direct, rtol=1e-3)
    power = np.mean(np.square(np.asarray(tracks, np.float64)), axis=1)
    total = np.sum(np.diagonal(energies(tracks), axis1=1, axis2=2), axis=0)
    np.testing.assert_allclose(total, power, rtol=0.1)  # frames weigh the ends otherwise


@pytest.mark.slow
def test_the_picture_is_near_what_the_console_does():
    """No compression: log spectrum, width and balance of mid and side as measured."""
    statistics, known, measured = heard()
    console = dsp.ConsoleConfig(track_compressor=False)

    @quick_jit
    def mixed(tracks, mix):
        params = with_mix(dsp.neutral_console(4, sample_rate=RATE), mix, PAIR)
        return dsp.mix_console(tracks, params, console, sample_rate=RATE).mix

    off = []
    for mix in (random_mix(), resting(statistics, ALL, PAIR, measured)):
        real, seen = style_of(mixed(audio()[0], mix)), look(known, mix)
        assert abs(seen.log_width - jnp.log(real.stereo_width)) < 0.05
        assert abs(seen.imbalance - real.stereo_imbalance) < 0.04
        off.append(seen.spectrum - real.bark_spectrum.T)
    # Noise adds up in power, as music does not: too loud everywhere, and in both mixes alike.
    assert np.mean(np.abs(off)) < 0.35
    assert np.mean(np.abs(off[1] - off[0])) < 0.06


@pytest.mark.parametrize("clicks_db", [-60.0, 0.0, 20.0])
def test_loud_clicks_do_not_take_a_pad_out_of_the_picture(clicks_db):
    """Nearly all energy is in the clicks, and nearly all of the mean magnitude in the pad."""
    tracks = audio()[0] * jnp.array([0.0, 0.0, 0.1, 0.0])[:, None]
    clicks = jnp.zeros(TIME).at[20000::30000].set(0.3 * 10 ** (clicks_db / 20))
    tracks = tracks.at[3].set(clicks)
    mix = resting(heard()[0], ALL, PAIR, heard()[2])
    real = style_of(mixed(tracks, mix).mix)
    off = look(hear(tracks), mix).spectrum - real.bark_spectrum.T
    assert np.max(np.abs(off - np.mean(off))) < 0.15  # nepers
    assert np.abs(np.mean(off)) < 0.1


@quick_jit
def mixed(tracks, mix):
    params = with_mix(dsp.neutral_console(4, sample_rate=RATE), mix, PAIR)
    console = dsp.ConsoleConfig(track_compressor=False, master_bus=False)
    return dsp.mix_console(tracks, params, console, sample_rate=RATE)


in_bands = quick_jit(functools.partial(samples_in_bands, sample_rate=RATE))


def with_peaks(tracks, mix) -> Heard:
    """What the picture knows once a mix that the equalizers leave alone has been heard."""
    places = np.argsort(-np.max(np.abs(mixed(tracks, mix).mix), axis=0), kind="stable")[:64]
    return hear(tracks)._replace(peaks=in_bands(tracks, places))


def test_the_picture_follows_the_peaks_of_a_mix():
    """Where a mix has peaked is known: other gains give the crest factor they really have."""
    tracks, _ = audio()
    statistics, unheard, measured = heard()
    tracks = tracks.at[3, 30000].set(0.2)  # one click, to be turned down
    mix = resting(statistics, ALL, PAIR, measured)
    known = with_peaks(tracks, mix)
    quieter = mix._replace(gain_db=mix.gain_db.at[3].add(-20.0))
    for now in (mix, quieter):
        crest = crest_of(mixed(tracks, now).mix)
        np.testing.assert_allclose(look(known, now).crest_db, crest, atol=1.5)
    apart = look(known, mix).crest_db - look(known, quieter).crest_db
    assert (apart > 6).all()
    assert (look(unheard, mix).crest_db == 0).all()


def test_boosting_all_of_a_track_and_turning_it_down_takes_no_peak_away():
    tracks, _ = audio()
    burst = 0.2 * jnp.hanning(2000) * jnp.sin(2 * jnp.pi * 100 / RATE * jnp.arange(2000))
    tracks = tracks.at[3].set(0.0).at[3, 30000:32000].set(burst)  # only below its shelf
    mix = resting(heard()[0], ALL, PAIR, heard()[2])
    known = with_peaks(tracks, mix)
    shelf = mix.equalizer._replace(
        gain_db=mix.equalizer.gain_db.at[3, 0].set(9.0),
        frequency_hz=mix.equalizer.frequency_hz.at[3, 0].set(400.0),
    )
    boosted = mix._replace(equalizer=shelf, gain_db=mix.gain_db.at[3].add(-9.0))
    crest = crest_of(mixed(tracks, boosted).mix)
    np.testing.assert_allclose(look(known, boosted).crest_db, crest, atol=1.5)
    np.testing.assert_allclose(crest, look(known, mix).crest_db, atol=1.5)


def test_a_boost_beside_what_peaks_takes_the_mix_away_from_its_peaks():
    """Clicks and a hum in one track: more hum raises the track's level, and no click."""
    tracks, _ = audio()
    hum = 0.02 * jnp.sin(2 * jnp.pi * 60 / RATE * jnp.arange(TIME))
    tracks = tracks.at[:3].multiply(0.01).at[3].set(hum.at[7000::9000].add(0.3))
    mix = resting(heard()[0], ALL, PAIR, heard()[2])
    known = with_peaks(tracks, mix)
    shelf = mix.equalizer._replace(gain_db=mix.equalizer.gain_db.at[3, 0].set(9.0))
    boosted = mix._replace(equalizer=shelf)
    flat, more = (crest_of(mixed(tracks, m).mix) for m in (mix, boosted))
    assert (flat - more > 3.0).all()
    seen = look(known, mix).crest_db - look(known, boosted).crest_db
    np.testing.assert_allclose(seen, flat - more, atol=1.0)


def test_an_equalizer_acts_where_the_energy_of_a_track_lies():
    """Far below the middle of its band a cut takes more than there."""
    tracks, _ = audio()
    tracks = tracks.at[3].set(0.1 * jnp.sin(2 * jnp.pi * 45 / RATE * jnp.arange(TIME)))
    known = hear(tracks)
    rest = resting(heard()[0], ALL, PAIR, heard()[2])
    cut = rest._replace(equalizer=rest.equalizer._replace(gain_db=rest.equalizer.gain_db - 9.0))
    reduction = [
        10 * np.log10(np.mean(np.square(mixed(tracks, mix).tracks[3]))) for mix in (rest, cut)
    ]
    seen = 20 * np.log10(gains(known, cut) / gains(known, rest))[3, 0]
    np.testing.assert_allclose(seen, reduction[1] - reduction[0], atol=0.3)
    middle = known._replace(lowest=at_one_place(121.0, 4))
    seen = 20 * np.log10(gains(middle, cut) / gains(middle, rest))[3, 0]
    assert seen - (reduction[1] - reduction[0]) > 1.0


@pytest.mark.parametrize("gain_db", [-11.3, 8.0])
def test_a_shelf_that_rings_is_read_all_over_the_lowest_band(gain_db):
    """It has a bump beside its corner: at one frequency it does another thing than to the band."""
    tracks, _ = audio()
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(rng.standard_normal(TIME))
    hz = np.fft.rfftfreq(TIME, 1 / RATE)
    low = np.fft.irfft(np.where((hz > 25) & (hz < 100), spectrum, 0.0), TIME)
    tracks = tracks.at[3].set(jnp.asarray(low / np.std(low) * 0.1, jnp.float32))
    known = hear(tracks)
    np.testing.assert_allclose(np.sum(known.lowest, axis=1), 1.0, rtol=1e-5)
    rest = resting(heard()[0], ALL, PAIR, heard()[2])
    flat = rest._replace(equalizer=rest.equalizer._replace(gain_db=jnp.zeros((4, 6))))
    rung = flat._replace(
        equalizer=flat.equalizer._replace(
            gain_db=flat.equalizer.gain_db.at[:, 0].set(gain_db),
            frequency_hz=flat.equalizer.frequency_hz.at[:, 0].set(79.4),
            q_factor=flat.equalizer.q_factor.at[:, 0].set(3.7),
        )
    )
    levels = [
        10 * np.log10(np.mean(np.square(mixed(tracks, mix).tracks[3]))) for mix in (flat, rung)
    ]

    def error(known):
        seen = gains(known, rung) / gains(known, flat)
        return 20 * np.log10(seen[3, 0]) - (levels[1] - levels[0])

    assert np.abs(error(known)) < 1.5
    at_its_mean = known._replace(lowest=at_one_place(known.hz[3, 0], 4))
    assert np.abs(error(known)) < 0.5 * np.abs(error(at_its_mean))


def test_the_slopes_of_what_equalizers_do_are_those_of_differences():
    """In the lowest band, where powers are added up, and in the others."""
    _, tracks, _ = heard()
    mix, rng = random_mix(), np.random.default_rng(5)
    direction, weights = (rng.standard_normal(shape) for shape in ((4, 6), (4, 24)))

    def total(step):
        gain_db = mix.equalizer.gain_db + step * jnp.asarray(direction, jnp.float32)
        moved = mix._replace(equalizer=mix.equalizer._replace(gain_db=gain_db))
        return jnp.sum(jnp.asarray(weights, jnp.float32) * boosts_db(tracks, moved, RATE))

    sloped = quick_jit(jax.value_and_grad(total))
    (high, _), (low, _), (_, slope) = (sloped(step) for step in (0.1, -0.1, 0.0))
    np.testing.assert_allclose(slope, (high - low) / 0.2, rtol=2e-3)


def test_segments_are_parts_of_the_whole_and_as_peaky_as_what_sounds_in_them():
    whole, parts = in_segments(audio()[0])
    np.testing.assert_allclose(whole.energy, energies(audio()[0]), rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(np.mean(parts.energy, axis=0), whole.energy, rtol=0.1, atol=1e-8)
    np.testing.assert_allclose(parts.spectrum, np.stack([whole.spectrum] * 4), atol=0.2)
    np.testing.assert_allclose(parts.weight, 0.25, rtol=0.05)
    late, of_late = in_segments(entering_late())
    # What is heard in the last quarter alone has all of its magnitude there, not a quarter of it.
    apart = of_late.spectrum[:, 3] - late.spectrum[3]
    np.testing.assert_allclose(np.mean(np.exp(apart), axis=0), 1.0, rtol=1e-3)
    assert (apart[3] > 1.0).all()
    assert (apart[:2] < -2.0).all()
    _, of_half = in_segments(audio()[0].at[:, : TIME // 2].set(0.0))
    assert of_half.weight[0] < 1e-3
    np.testing.assert_allclose(np.sum(of_half.weight), 1.0, rtol=1e-5)


def test_a_track_that_is_heard_in_one_segment_alone_does_not_make_all_of_the_width():
    tracks, parts = in_segments(entering_late())
    statistics, _, measured = heard()
    rest = resting(statistics, ALL, jnp.zeros(4, jnp.int32), measured)
    rest = rest._replace(pan=jnp.array([0.5, 0.5, 0.5, 0.8]))  # as if it were to
    wanted = look(tracks, rest)._replace(log_width=jnp.log(0.2))

    def widths(mix):
        seen = (look(tracks._replace(energy=energy), mix) for energy in parts.energy)
        return np.array([np.exp(picture.log_width) for picture in seen])

    whole = solve(tracks, wanted, rest).mix
    every = solve(tracks._replace(segments=parts), wanted, rest).mix
    on_average, in_each = (np.mean(np.square(widths(mix) - 0.2)) for mix in (whole, every))
    assert in_each < 0.5 * on_average
    assert abs(np.exp(look(tracks, every).log_width) - 0.2) < 0.1


def way(found: Solution) -> float:
    return optax.tree.norm(found.moved, squared=True)


def panning(found: Solution) -> float:
    return np.sum(np.square(found.moved.pan))


def moving(found: Solution) -> float:
    return way(found) - panning(found)


def test_matching_finds_its_way_back():
    statistics, tracks, measured = heard()
    wanted = look(tracks, random_mix())
    rest = resting(statistics, ALL, PAIR, measured)
    nearly_none = Costs(
        moving=1e-4,
        panning=1e-4,
        centring=0.0,
        stacking=0.0,
        piling=0.0,
        spreading=0.0,
        burying=0.0,
    )
    free = solve(tracks, wanted, rest, costs=nearly_none).mix
    before, found, held = (
        error(look(tracks, mix), wanted) for mix in (rest, free, solve(tracks, wanted, rest).mix)
    )
    assert np.mean(np.square(found.spectrum)) < 0.1 * np.mean(np.square(before.spectrum))
    assert found.imbalance < 0.03
    assert found.log_width < 0.2
    assert found.loudness_db < 0.01
    assert np.mean(np.square(held.spectrum)) < 0.4 * np.mean(np.square(before.spectrum))


def test_the_first_solution_is_the_same_where_room_is_kept_for_peaks_to_come():
    """Listening finds it by the program of the later ones, its costs and bounds as arrays."""
    statistics, tracks, measured = heard()
    wanted = wanted_of(measured)
    rest = resting(statistics, ALL, PAIR, measured)
    roomy = tracks._replace(peaks=jnp.zeros((4, 24, 40)))
    plain = quick_jit(
        lambda: match(tracks, wanted, rest, RATE, costs=FIRST_COSTS, farthest=FIRST_FARTHEST)
    )()
    choices = jax.tree.map(jnp.asarray, {"costs": FIRST_COSTS, "farthest": FIRST_FARTHEST})
    listening = quick_jit(lambda choices: match(roomy, wanted, rest, RATE, **choices))(choices)
    assert way(plain) > 0.1
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(listening), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def with_a_faint_track():
    """The song with energy over time, a picture in which the third track is faint, and a rest."""
    statistics, tracks, measured = heard()
    tracks = tracks._replace(over_time=over_time(audio()[0], PAIR))
    mix = random_mix()
    wanted = look(tracks, mix._replace(gain_db=mix.gain_db.at[2].add(-20.0)))
    return tracks, wanted, resting(statistics, ALL, PAIR, measured)


def test_each_cost_keeps_small_what_it_is_of():
    tracks, wanted, rest = with_a_faint_track()
    few = Costs(*[1e-4] * len(Costs._fields))

    def stacking(found):
        return np.mean(np.square(boosts(tracks, found.mix)))

    def piling(found):
        return np.mean(np.square(np.maximum(boosts(tracks, found.mix) - EVERYDAY_DB, 0.0)))

    def spreading(found):
        return np.var(found.mix.gain_db)

    def burying(found):
        shares = np.asarray(shares_of(tracks, found.mix))
        return np.sum(np.square(np.log(np.minimum(shares / AUDIBLE, 1.0))))

    cheap = solve(tracks, wanted, rest, costs=few)
    measures = moving, panning, stacking, piling, spreading, burying
    sizes = {measure.__name__: measure for measure in measures}
    assert {*sizes, "centring"} == set(Costs._fields)
    assert all(size(cheap) > 0.1 for size in sizes.values())
    for name, size in sizes.items():
        dear = solve(tracks, wanted, rest, costs=few._replace(**{name: 0.03}))
        assert size(dear) < 0.5 * size(cheap), name
    priced = tracks._replace(centring=jnp.full(4, 1e-6))
    cheap, dear = (
        solve(priced, wanted, rest, costs=few._replace(centring=least)) for least in (1e-4, 0.03)
    )
    assert panning(dear) < 0.5 * panning(cheap)


@pytest.mark.parametrize("hidden_db", [20.0, 30.0])
def test_a_strip_that_others_hide_altogether_is_brought_up(hidden_db):
    """At less than 1e-4 of its loudness no slope led it back: half of all that were lost, of 32."""
    tracks, wanted, rest = with_a_faint_track()
    hidden = tracks.over_time.at[2].multiply(10.0 ** (-hidden_db / 10.0))
    tracks = tracks._replace(over_time=hidden)
    costs = Costs(*[1e-4] * len(Costs._fields))._replace(burying=1e-2)
    assert 0.0 < shares_of(tracks, rest)[2] < 1e-7
    assert shares_of(tracks, solve(tracks, wanted, rest, costs=costs).mix)[2] > AUDIBLE


def test_a_strip_may_have_its_own_price_of_being_buried():
    tracks, wanted, rest = with_a_faint_track()

    def shares(price):
        costs = Costs(*[1e-4] * len(Costs._fields))._replace(burying=jnp.asarray(price))
        return shares_of(tracks, solve(tracks, wanted, rest, costs=costs).mix)

    dear_third, dear_fourth = shares([0.0, 0.0, 0.03, 0.0]), shares([0.0, 0.0, 0.0, 0.03])
    assert dear_third[2] > 1.5 * dear_fourth[2]
    assert dear_fourth[3] > 1.5 * dear_third[3]


def test_matching_again_goes_on_from_where_it_was_but_costs_count_from_rest():
    statistics, tracks, measured = heard()
    rest = resting(statistics, ALL, PAIR, measured)
    wanted = look(tracks, random_mix())
    once = solve(tracks, wanted, rest, costs=FIRST_COSTS)
    again = solve(tracks, wanted, rest, once.moved, FIRST_COSTS)
    before, found, better = (
        error(look(tracks, mix), wanted) for mix in (rest, once.mix, again.mix)
    )
    assert np.mean(np.square(better.spectrum)) < 1.1 * np.mean(np.square(found.spectrum))
    assert np.mean(np.square(found.spectrum)) < 0.4 * np.mean(np.square(before.spectrum))
    # Wanting what rest is like leads back, wherever it starts.
    back = solve(tracks, look(tracks, rest), rest, once.moved, FIRST_COSTS)
    assert way(back) < 0.2 * way(once)


def test_a_free_level_leads_away_from_bass_that_makes_nearly_all_of_the_loudness():
    """Of a bass and a track without any, after a mix that has only the other."""
    bands = style_band_hz()
    magnitude = np.stack([np.full(len(bands), 0.1), np.ones(len(bands))]).astype(np.float32)
    magnitude[:, 0] = 100.0, 0.01
    own = np.einsum("tb,ti->bti", np.square(magnitude), np.eye(2))
    tracks = Heard(
        energy=jnp.asarray(1e-4 * own, jnp.float32),
        spectrum=jnp.log(magnitude),
        hz=jnp.asarray(np.tile(bands, (2, 1)), jnp.float32),
        lowest=at_one_place(121.0, 2),
        mask=jnp.ones(2, bool),
        side=jnp.zeros(2, jnp.int32),
    )
    flat = dsp.neutral_console(2, sample_rate=RATE)
    rest = Mix(
        jnp.zeros(2), jnp.array([0.45, 0.6]), flat.tracks.equalizer, flat.master_bus.equalizer
    )
    wanted = look(tracks, rest._replace(gain_db=jnp.array([-60.0, 0.0])))

    @quick_jit
    def left(free_steps):
        found = match(tracks, wanted, rest, RATE, free_steps=free_steps)
        return picture(tracks, found.mix, RATE)

    caught, led = (error(left(steps), wanted).spectrum[0, 0] for steps in (0.0, 60.0))
    assert caught > 1.0  # nepers
    assert abs(led) < 0.5 * caught


def test_a_pair_has_one_setting_and_leans_as_one():
    statistics, tracks, measured = heard()
    start = start_of(statistics, tracks, measured)
    left, right = start.controls.track[:2]
    pan = dsp.TRACK_CONTROLS - 2
    np.testing.assert_allclose(np.delete(left, pan), np.delete(right, pan), atol=1e-6)
    assert left[pan] < right[pan]
    lean = 0.5 * (left[pan] + right[pan])
    np.testing.assert_allclose(
        positions(jnp.full(4, lean), PAIR)[:2].clip(MARGIN, 1 - MARGIN), [left[pan], right[pan]],
        atol=2 * MARGIN,
    )  # fmt: skip


def test_centred_tracks_stay_in_the_middle_and_others_make_up_for_them():
    """A reference that leans, of which the others take over the balance and the width."""
    statistics, tracks, measured = heard()
    rest = resting(statistics, ALL, PAIR, measured)
    wanted = look(tracks, random_mix())._replace(imbalance=jnp.asarray(0.3))
    centred = np.array([True, True, True, False])
    free = solve(tracks, wanted, rest).mix
    found = solve(tracks._replace(centring=np.where(centred, np.inf, 0.0)), wanted, rest).mix
    assert np.min(np.abs(free.pan[:3] - 0.5)) > 0.01
    np.testing.assert_array_equal(found.pan[:3], 0.5)
    assert np.abs(found.pan[3] - 0.5) > np.abs(free.pan[3] - 0.5)
    put = free._replace(pan=np.where(centred, np.float32(0.5), free.pan))
    apart, merely_put = (error(look(tracks, mix), wanted) for mix in (found, put))
    assert apart.imbalance < 0.5 * merely_put.imbalance
    # What has a price leaves the middle less, the dearer the less.
    ways = [
        np.abs(solve(tracks._replace(centring=price * centred), wanted, rest).mix.pan - 0.5)
        for price in (0.003, 0.1)
    ]
    for near, far in zip([*ways[::-1]], [ways[0], np.abs(free.pan - 0.5)], strict=True):
        assert np.all(near[:3] < far[:3])


def test_input_gains_stay_inside_their_range_however_loud_a_mix_is_wanted():
    statistics, tracks, measured = heard()
    rest = resting(statistics, ALL, PAIR, measured)
    for louder_db in (-120.0, 120.0):
        wanted = wanted_of(measured)
        wanted = wanted._replace(loudness_db=wanted.loudness_db + louder_db)
        found = solve(tracks, wanted, rest).mix
        gains = np.asarray(controls_of(found)[0])[:, 0]
        assert (gains > 0.9 * MARGIN).all()
        assert (gains < 1.0 - 0.9 * MARGIN).all()


def test_settings_stay_inside_their_ranges_whatever_is_wanted():
    statistics, tracks, measured = heard()
    wanted = wanted_of(measured)
    wild = wanted._replace(spectrum=wanted.spectrum.at[:, ::2].add(5.0).at[:, 1::2].add(-5.0))
    mix = solve(tracks, wild, resting(statistics, ALL, PAIR, measured)).mix
    track, _, master = jax.device_get(controls_of(mix))
    equalizer = slice(1, 19)
    for vector in (track[:, equalizer], master[:18]):
        assert (vector > 0.9 * MARGIN).all()
        assert (vector < 1 - 0.9 * MARGIN).all()


@pytest.mark.parametrize("present", [0, 1])
def test_few_tracks_and_silence_are_finite(present):
    statistics, tracks, measured = heard()
    mask = jnp.arange(4) < present
    known = jnp.where(mask[:, None] & mask[None], tracks.energy, 0.0)
    spectrum = jnp.where(mask[:, None], tracks.spectrum, np.log(BARK_FLOOR))
    side = jnp.zeros(4, jnp.int32)
    few = tracks._replace(energy=known, spectrum=spectrum, mask=mask, side=side)
    silent = jax.tree.map(jnp.zeros_like, measured)
    for reference in (measured, silent):
        start = start_of(statistics, few, reference)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(start))


def test_a_step_of_every_head_is_what_it_says():
    scales = quick_jit(functools.partial(head_scales, sample_rate=RATE))()
    middle = scipy.special.expit(0.01 * np.asarray(scales.track)) - 0.5
    gain_db = 96.0 * middle[0] / 0.01
    np.testing.assert_allclose(gain_db, 6.0, rtol=1e-2)
    assert all((s > 0).all() for s in scales)
