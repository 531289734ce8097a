"""The mixing console: settings and control vectors, masking, chunks, gradients."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from tests.compiling import quick_jit

SAMPLE_RATE = 44100
TRACKS = 3
TIME = 3000
AHEAD = dsp.ConsoleConfig(track_lookahead_ms=2.0, master_lookahead_ms=1.0, ballistics="decoupled")
PAIR = np.array([0, -1, 1])  # a mono track, then a stereo track's channels
CHUNK = 1000  # no multiple of the blocks that filters and smoothers work in


def controls(seed=0, tracks=TRACKS):
    rng = np.random.default_rng(seed)
    shapes = ((tracks, dsp.TRACK_CONTROLS), (dsp.FX_BUS_CONTROLS,), (dsp.MASTER_CONTROLS,))
    return [rng.uniform(0.3, 0.7, shape).astype(np.float32) for shape in shapes]


set_all, controls_of = (
    quick_jit(functools.partial(convert, sample_rate=SAMPLE_RATE))
    for convert in (dsp.console_params, dsp.console_controls)
)


def params(seed=0, tracks=TRACKS):
    return set_all(*controls(seed, tracks))


def audio(tracks=TRACKS, time=TIME, seed=0):
    rng = np.random.default_rng(seed)
    return (0.3 * rng.uniform(-1, 1, (tracks, time))).astype(np.float32)


def mix(tracks, settings, config=None, **options):
    config = config or dsp.ConsoleConfig()
    return dsp.mix_console(tracks, settings, config, sample_rate=SAMPLE_RATE, **options)


@quick_jit
def pulled(vectors, x, mask, side):
    """Energy of the default console's mix, and its gradients to the control vectors and audio."""

    def energy(vectors, x):
        settings = dsp.console_params(*vectors, sample_rate=SAMPLE_RATE)
        return jnp.sum(mix(x, settings, mask=mask, side=side).mix ** 2)

    return jax.value_and_grad(energy, argnums=(0, 1))(vectors, x)


def test_counts_are_those_of_the_contract():
    assert (dsp.TRACK_CONTROLS, dsp.FX_BUS_CONTROLS, dsp.MASTER_CONTROLS) == (27, 25, 26)


def test_controls_and_params_are_inverse():
    wanted = controls()
    back = controls_of(params())
    for actual, value in zip(back, wanted, strict=True):
        np.testing.assert_allclose(actual, value, atol=1e-6)


@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_controls_and_params_are_inverse_where_a_low_sample_rate_leaves_a_range_no_width(
    sample_rate,
):
    there = quick_jit(functools.partial(dsp.console_params, sample_rate=sample_rate))
    converted = functools.partial(dsp.console_controls, sample_rate=sample_rate)
    back = quick_jit(converted)
    neutral = dsp.neutral_console(TRACKS, sample_rate=sample_rate)
    for settings in (there(*controls()), neutral):
        again = there(*back(settings))
        for actual, value in zip(jax.tree.leaves(again), jax.tree.leaves(settings), strict=True):
            np.testing.assert_allclose(actual, value, rtol=1e-4, atol=1e-4)
    total = lambda settings: sum(jnp.sum(vector) for vector in converted(settings))  # noqa: E731
    slopes = quick_jit(jax.grad(total))(neutral)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_settings_and_controls_keep_their_dtype_beside_doubles(float64):
    vectors = controls()
    settings = set_all(*vectors)
    back = controls_of(settings)
    assert {leaf.dtype for leaf in jax.tree.leaves((settings, back))} == {np.dtype(np.float32)}
    for actual, wanted in zip(back, vectors, strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-6)
    doubles = set_all(*(np.float64(v) for v in vectors))
    assert {leaf.dtype for leaf in jax.tree.leaves(doubles)} == {np.dtype(np.float64)}


def test_a_range_without_width_gives_control_0():
    settings = (jnp.asarray([3.0, 5.0]), jnp.asarray(2.0))
    limits = jnp.asarray([3.0, 4.0]), jnp.asarray([3.0, 6.0])

    def total(settings, low, high):
        ranges = (dsp.Range(low, high), dsp.Range(2, 2))
        return sum(jnp.sum(control) for control in dsp.normalize(settings, ranges))

    value, slopes = jax.value_and_grad(total, argnums=(0, 1, 2))(settings, *limits)
    assert value == 0.5
    of_settings, of_low, of_high = slopes
    np.testing.assert_array_equal(of_settings[0], [0, 0.5])
    assert of_settings[1] == 0
    np.testing.assert_array_equal([of_low, of_high], [[0, -0.25], [0, -0.25]])


def test_the_ends_of_every_control_are_the_ends_of_its_range():
    zeros, ones = ([np.full_like(c, end) for c in controls()] for end in (0, 1))
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    is_range = lambda node: isinstance(node, dsp.Range)  # noqa: E731
    for vectors, end in ((zeros, "low"), (ones, "high")):
        settings = set_all(*vectors)
        leaves = jax.tree.leaves(ranges, is_leaf=is_range)
        for limits, value in zip(leaves, jax.tree.leaves(settings), strict=True):
            wanted = np.broadcast_to(getattr(limits, end), np.shape(value))
            np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_equalizer_frequencies_stay_below_half_of_a_low_sample_rate():
    ones = [np.ones_like(c) for c in controls()]
    settings = quick_jit(functools.partial(dsp.console_params, sample_rate=16000))(*ones)
    assert float(jnp.max(settings.tracks.equalizer.frequency_hz)) < 8000


def test_the_neutral_console_is_the_panned_sum():
    x = audio()
    wanted = jnp.sum(jnp.stack([dsp.pan(t[None], 0.5) for t in x]), axis=0)
    out = quick_jit(mix)(x, dsp.neutral_console(TRACKS, sample_rate=SAMPLE_RATE))
    np.testing.assert_allclose(out.mix, wanted, atol=1e-6)


def test_a_masked_track_adds_exactly_nothing():
    config = dsp.ConsoleConfig(reverb=True)
    key = jax.random.key(0)
    settings = params()
    run = quick_jit(lambda x, p, m: mix(x, p, config, mask=m, key=key).mix)
    padded = run(audio(), settings, np.array([1.0, 1.0, 0.0], np.float32))
    two = jax.tree.map(lambda leaf: leaf[:2], settings.tracks)
    alone = run(audio()[:2], settings._replace(tracks=two), np.ones(2, np.float32))
    np.testing.assert_allclose(padded, alone, rtol=0, atol=1e-6 * np.abs(alone).max())


@pytest.mark.parametrize("side", [None, np.array([-1, 1, 0])], ids=["mono", "pair"])
def test_what_padding_holds_reaches_neither_mix_nor_gradient(side):
    mask = np.array([1.0, 1.0, 0.0], np.float32)
    wanted, wanted_gradient = pulled(controls(), audio(), mask, side)
    spoilt = audio()
    spoilt[2] = np.nan
    value, gradient = pulled(controls(), spoilt, mask, side)
    np.testing.assert_allclose(value, wanted, rtol=1e-6)
    for actual, right in zip(
        jax.tree.leaves(gradient), jax.tree.leaves(wanted_gradient), strict=True
    ):
        assert np.isfinite(actual).all()
        np.testing.assert_allclose(actual, right, rtol=1e-4, atol=1e-6)


def strips_of_one_pair(seed=0):
    """Settings of three strips, of which the last two are those of a stereo track's channels."""
    tracks = jax.tree.map(lambda leaf: leaf[np.array([0, 1, 1])], params(seed).tracks)
    threshold = jnp.full(TRACKS, -40.0)
    compressor = tracks.compressor._replace(threshold_db=threshold)
    return tracks._replace(compressor=compressor, pan=jnp.array([0.3, 0.0, 1.0]))


@pytest.mark.parametrize(
    "config",
    [dsp.ConsoleConfig(), dataclasses.replace(AHEAD, detector="sum")],
    ids=["default", "ahead, master by the sum"],
)
def test_a_pair_is_compressed_as_the_stereo_signal_that_it_is(config):
    x, strips = audio(), strips_of_one_pair()
    x[2] *= 0.1
    strip = jax.tree.map(lambda leaf: leaf[1], strips)

    @quick_jit
    def both(x):
        linked = dsp.console_strips(x, strips, config, sample_rate=SAMPLE_RATE, side=PAIR).tracks
        toned = dsp.gain(x[1:], strip.input_gain_db)
        toned = dsp.parametric_eq(toned, strip.equalizer, sample_rate=SAMPLE_RATE)
        wanted = dsp.compressor(
            toned,
            strip.compressor,
            sample_rate=SAMPLE_RATE,
            ballistics=config.ballistics,
            detector="mean",
            lookahead_ms=config.track_lookahead_ms,
        )
        return jnp.stack([linked[1, 0], linked[2, 1]]), wanted

    linked, wanted = both(x)
    np.testing.assert_allclose(linked, wanted, rtol=0, atol=2e-7 * np.max(np.abs(wanted)))
    unlinked = params()._replace(tracks=strips)
    apart = quick_jit(lambda x: mix(x, unlinked, config).tracks)(x)
    assert np.max(np.abs(apart[2, 1] - wanted[1])) > 0.01 * np.max(np.abs(wanted[1]))


def test_mono_tracks_beside_a_pair_are_what_they_are_without_it():
    x, strips = audio(), strips_of_one_pair()
    config = dsp.ConsoleConfig()
    run = quick_jit(
        lambda x, side: (
            dsp.console_strips(x, strips, config, sample_rate=SAMPLE_RATE, side=side).tracks
        )
    )
    np.testing.assert_array_equal(run(x, PAIR)[0], run(x, None)[0])
    np.testing.assert_array_equal(run(x, 0 * PAIR), run(x, None))


def test_pairs_differ_from_song_to_song_of_a_batch():
    x = np.stack([audio(), audio(seed=1)])
    sides, settings = np.array([PAIR, [-1, 1, 0]]), params()
    run = quick_jit(lambda x, side: mix(x, settings, side=side).mix)
    batch = quick_jit(jax.vmap(lambda x, side: mix(x, settings, side=side).mix))(x, sides)
    for one, rows, side in zip(batch, x, sides, strict=True):
        np.testing.assert_allclose(one, run(rows, side), rtol=0, atol=1e-6)


def test_parts_add_up_to_the_mix():
    config, settings = dsp.ConsoleConfig(master_bus=False, reverb=True), params()
    out = quick_jit(lambda x: mix(x, settings, config, key=jax.random.key(1)))(audio())
    np.testing.assert_allclose(jnp.sum(out.tracks, axis=0) + out.fx_bus, out.mix, atol=1e-5)


def test_strips_before_their_panning_are_mono():
    @quick_jit
    def run(x, settings):
        strips = dsp.console_strips(x, settings, dsp.ConsoleConfig(), sample_rate=SAMPLE_RATE)
        return strips, jax.vmap(dsp.pan)(strips.mono[:, None], settings.pan)

    strips, panned = run(audio(), params().tracks)
    np.testing.assert_allclose(panned, strips.tracks, atol=1e-6)
    np.testing.assert_allclose(strips.heard[:, :, None] * strips.mono[:, None], panned, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "side"),
    [
        (dsp.ConsoleConfig(), None),
        (AHEAD, None),
        (AHEAD, PAIR),
        (dsp.ConsoleConfig(reverb=True), None),
        (dsp.ConsoleConfig(track_equalizer=False, track_compressor=False), None),
    ],
    ids=["default", "lookahead", "lookahead, pair", "reverb", "levels"],
)
def test_a_song_in_chunks_is_the_song(config, side):
    x, settings, key = audio(), params(), jax.random.key(0)
    step = quick_jit(lambda x, s: mix(x, settings, config, side=side, key=key, state=s))
    state = dsp.console_state(jnp.asarray(x), config, sample_rate=SAMPLE_RATE)
    parts = []
    for chunk in np.split(x, TIME // CHUNK, axis=1):
        out = step(chunk, state)
        parts.append(out.mix)
        state = out.state
    whole = quick_jit(lambda x: mix(x, settings, config, side=side, key=key).mix)(x)
    scale = max(1.0, float(jnp.abs(whole).max()))
    np.testing.assert_allclose(jnp.concatenate(parts, axis=1), whole, rtol=0, atol=5e-6 * scale)


def test_groups_of_strips_add_up_to_the_console():
    x, settings, key = audio(), params(), jax.random.key(0)
    config = dsp.ConsoleConfig(
        track_equalizer=False, track_compressor=False, master_bus=False, reverb=True
    )
    both = settings.fx_bus, settings.master_bus

    @quick_jit
    def in_groups(x):
        groups = [
            dsp.console_strips(
                x[rows],
                jax.tree.map(lambda leaf, rows=rows: leaf[rows], settings.tracks),
                config,
                sample_rate=SAMPLE_RATE,
            )
            for rows in (slice(0, 1), slice(1, None))
        ]
        dry, sent = (sum(sums) for sums in zip(*(g[:2] for g in groups), strict=True))
        room = dsp.console_room(key, settings.fx_bus, sample_rate=SAMPLE_RATE)
        return dsp.console_buses(dry, sent, *both, config, sample_rate=SAMPLE_RATE, room=room)

    buses = in_groups(x)
    whole = quick_jit(lambda x: mix(x, settings, config, key=key))(x)
    np.testing.assert_allclose(buses.mix, whole.mix, rtol=0, atol=1e-5)
    np.testing.assert_allclose(buses.fx_bus, whole.fx_bus, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="room or sent is None"):
        dsp.console_buses(x[:2], None, *both, config, sample_rate=SAMPLE_RATE)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_gradients_are_finite_at_the_ends_of_every_control(level):
    x = level * np.sign(audio())
    for end in (0.0, 1.0):
        vectors = [np.full_like(c, end) for c in controls()]
        for leaf in jax.tree.leaves(pulled(vectors, x, np.ones(TRACKS, np.float32), None)):
            assert np.isfinite(leaf).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, p: mix(x[0], p), "tracks has shape"),
        (lambda x, p: mix(x, p, mask=np.ones(2)), r"mask has shape \(2,\)"),
        (lambda x, p: mix(x, p, side=np.zeros(2)), r"side has shape \(2,\)"),
        (lambda x, p: mix(x, p, dsp.ConsoleConfig(reverb=True)), "key is None"),
        (lambda x, p: dsp.ConsoleConfig(pan_law="equal"), "pan_law is 'equal'"),
        (lambda x, p: dsp.ConsoleConfig(master_lookahead_ms=-1.0), "master_lookahead_ms is -1.0"),
        (
            lambda x, p: dsp.console_state(x, dsp.ConsoleConfig.diffmst(), sample_rate=44100),
            "expected exact filters",
        ),
        (
            lambda x, p: dsp.mix_console(x, p, dsp.ConsoleConfig(), sample_rate=-1),
            "sample_rate is -1",
        ),
    ],
)
def test_bad_input_names_argument_value_and_expectation(call, message):
    with pytest.raises(ValueError, match=message):
        call(audio(), params())


def test_configurations_are_static():
    config = dsp.ConsoleConfig()
    assert hash(config) == hash(dataclasses.replace(config))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.reverb = True  # type: ignore[misc]
