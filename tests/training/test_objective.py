import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.examples import Example
from diffmst_jax.losses import (
    MultiResolutionStft,
    StftResolution,
    multi_resolution_stft_loss,
    parameter_loss,
    sum_difference_stft_loss,
)
from diffmst_jax.mixing.console.settings import MixSettings, track_pan
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.training import objective
from diffmst_jax.training.curriculum import all_active
from diffmst_jax.training.objective import (
    PAN,
    STFTS,
    Task,
    evaluate_task,
    level_batch,
    linked,
    losses,
    make_task,
    mix_batch,
    parameter_errors,
    random_controls,
)
from tests.compiling import quick_jit
from tests.data.conftest import noise


def keys(seed: int):
    return jax.random.split(jax.random.key(seed), 2)


@pytest.fixture
def batch():
    tracks = np.stack([noise(i, 1.0, channels=3, level=0.005) for i in range(2)])
    mask = np.array([[True, True, True], [True, True, False]])
    reference = np.stack([noise(9 + i, 1.0, channels=2) for i in range(2)])
    side = np.array([[0, -1, 1], [0, 0, 0]], np.int8)
    return Example(tracks * mask[..., None], mask, side, reference)


def test_unpaired_task_is_the_batch_itself(tiny, batch):
    task = make_task(batch, tiny, keys(0), all_active(2))
    np.testing.assert_array_equal(task.tracks, batch.tracks)
    np.testing.assert_array_equal(task.target, batch.reference)
    np.testing.assert_array_equal(task.reference, batch.reference)


def test_random_mix_task_has_one_setting_for_both_halves(tiny, batch):
    data = dataclasses.replace(tiny.data, reference="random_mix")
    config = dataclasses.replace(tiny, data=data)
    unpaired = batch._replace(reference=np.zeros((2, 2, 0), np.float32))
    task = jax.jit(lambda b, k: make_task(b, config, k, all_active(2)))(unpaired, keys(3))
    half = batch.tracks.shape[-1] // 2
    np.testing.assert_array_equal(task.tracks, batch.tracks[..., :half])
    assert task.target.shape == task.reference.shape == (2, 2, half)

    @jax.jit
    def again(x, keys):
        controls_keys, noise_keys = jax.vmap(jax.random.split)(keys).T
        controls = linked(random_controls(controls_keys, 3), batch.side)
        return level_batch(
            mix_batch(x, controls, task.mask, None, config.console, noise_keys, all_active(2))
        )

    second = batch.tracks[..., half:]
    np.testing.assert_allclose(again(second, keys(3)), task.reference, atol=1e-5)
    assert not np.allclose(task.target, task.reference, atol=1e-2)


def test_mixes_fainter_than_loudness_is_measured_are_levelled_too():
    """With gradients as those of the same mix at another level; silence stays silence."""
    mix = noise(0, 1.0, channels=2)
    mixes = jnp.asarray(np.stack([mix, 1e-6 * mix, 0.0 * mix]))
    levelled = jax.jit(level_batch)(mixes)
    np.testing.assert_allclose(levelled[1], levelled[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(levelled[2], 0.0)

    def loss(gain_db):
        left = jnp.asarray([1.0, 0.0])[None, :, None] * gain_db[:, None, None]
        return jnp.sum(jnp.abs(level_batch(mixes * 10.0 ** (left / 20.0))))

    by_gain = np.asarray(jax.jit(jax.grad(loss))(jnp.zeros(3)))
    assert by_gain[1] == pytest.approx(by_gain[0], rel=1e-3)
    assert by_gain[2] == 0.0


def test_random_mixes_differ_between_steps_and_songs(tiny, batch):
    first, second = (random_controls(keys(i), 3) for i in (0, 1))
    assert not np.allclose(first.track, second.track)
    assert not np.allclose(first.track[0], first.track[1])


def test_pairs_share_settings_and_lie_around_where_they_lean(batch):
    controls = random_controls(keys(0), 3)
    leaning = controls._replace(track=controls.track.at[0, 1:, PAN].set(jnp.array([0.5, 0.9])))
    result = linked(leaning, jnp.asarray(batch.side))
    others = np.arange(result.track.shape[-1]) != PAN
    pair = np.asarray(result.track[0, 1:])
    np.testing.assert_array_equal(pair[0, others], pair[1, others])
    mean = np.asarray(controls.track[0, 1:]).mean(axis=0)
    np.testing.assert_allclose(pair[0, others], mean[others], rtol=1e-6)
    expected = track_pan(np.array([0.7, 0.7]), np.array([-1, 1]))
    np.testing.assert_allclose(pair[:, PAN], expected, rtol=1e-6)
    np.testing.assert_array_equal(result.track[0, 0], controls.track[0, 0])
    np.testing.assert_array_equal(result.track[1], controls.track[1])


def test_a_pair_is_compressed_as_in_the_mixing_tool(batch):
    """A mono track and a pair; with `linked_pairs` false all three are compressed apart."""
    strips = (Strip("a.wav", (1,)), Strip("b.wav", (1, 2)))
    multitrack = Multitrack(strips, batch.tracks[0] / 0.005, np.zeros(2), ())
    controls, side = random_controls(keys(0), 3), jnp.asarray(batch.side)
    controls = linked(controls._replace(track=controls.track.at[..., 0].set(0.5)), side)
    console = dsp.ConsoleConfig(track_equalizer=False, master_bus=False)
    lean = random_controls(keys(0), 3).track[0, 1:, PAN].mean()
    params = jax.jit(lambda c: dsp.console_params(*c, sample_rate=SAMPLE_RATE))(
        jax.tree.map(lambda leaf: leaf[0], controls)
    )
    tracks = jax.tree.map(lambda leaf: np.asarray(leaf)[:2], params.tracks)
    tracks = tracks._replace(pan=np.array([tracks.pan[0], lean]))
    muted, gain = np.zeros(2, bool), np.zeros(2)
    settings = MixSettings(strips, muted, gain, params._replace(tracks=tracks), console)
    rows, mask = jnp.asarray(batch.tracks / 0.005), jnp.asarray(batch.mask)
    mix = jax.jit(
        lambda side: mix_batch(rows, controls, mask, side, console, keys(1), all_active(2))
    )
    wanted = render(settings, multitrack).mix
    peak = np.max(np.abs(wanted))
    np.testing.assert_allclose(mix(side)[0], wanted, rtol=0, atol=1e-5 * peak)
    assert np.max(np.abs(mix(None)[0] - wanted)) > 1e-2 * peak
    np.testing.assert_allclose(mix(side)[1], mix(None)[1], rtol=0, atol=1e-5 * peak)


@pytest.mark.parametrize("are_linked", [True, False])
def test_pairs_are_linked_where_the_data_says_so(tiny, batch, are_linked, monkeypatch):
    sides = []

    def mixed(tracks, controls, mask, side, *_):
        sides.append(side)
        return jnp.ones((2, 2, tracks.shape[-1]))

    monkeypatch.setattr(objective, "mix_batch", mixed)
    monkeypatch.setattr(objective, "level_batch", lambda mixes: mixes)
    monkeypatch.setattr(objective, "losses", lambda *_: {"loss": jnp.zeros(2)})
    data = dataclasses.replace(tiny.data, reference="random_mix", linked_pairs=are_linked)
    config = dataclasses.replace(tiny, data=data)
    task = make_task(batch, config, keys(0), all_active(2))
    evaluate_task(lambda *_: random_controls(keys(1), 3), task, config, keys(0), all_active(2))
    assert len(sides) == 3
    for side in sides:
        assert side is None if not are_linked else np.array_equal(side, batch.side)


def test_masked_tracks_are_not_heard(tiny, batch):
    controls = random_controls(keys(0), 3)
    loud, every = batch.tracks.copy(), all_active(2)
    loud[~batch.mask] = 1.0
    mask, side = jnp.asarray(batch.mask), jnp.asarray(batch.side)
    mixed = quick_jit(lambda x: mix_batch(x, controls, mask, side, tiny.console, keys(1), every))
    np.testing.assert_array_equal(mixed(batch.tracks), mixed(loud))


def test_losses_are_those_that_have_a_weight(tiny, monkeypatch):
    assert STFTS["paper"] == MultiResolutionStft()
    assert STFTS["auraloss"] == MultiResolutionStft.auraloss()
    small = MultiResolutionStft((StftResolution(256, 128, 256),), linear_magnitude=0.5)
    monkeypatch.setitem(STFTS, "auraloss", small)
    mixes, targets = (np.stack([noise(i + j, 0.05, channels=2) for i in (0, 1)]) for j in (0, 5))
    weights = {"audio_features": 0.0, "mrstft": 2.0, "sum_difference": 3.0}
    config = dataclasses.replace(tiny.loss, **weights, stft="auraloss")
    found = quick_jit(lambda mix, target: losses(mix, target, config))(mixes, targets)
    expected = quick_jit(
        lambda mix, target: {
            "mrstft": multi_resolution_stft_loss(mix, target, small),
            "sum_difference": sum_difference_stft_loss(mix, target, small),
        }
    )(mixes[1], targets[1])
    expected["loss"] = 2.0 * expected["mrstft"] + 3.0 * expected["sum_difference"]
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name][1], value, rtol=1e-5)


def test_a_mono_reference_weighs_no_more_than_others(tiny):
    """However little side its mix has: the logarithm of none at all is far from that of any."""
    middle, side = noise(0, 1.0, level=0.1), noise(1, 1.0, level=0.1)

    def loss(share, target):
        mix = jnp.concatenate([middle + share * side, middle - share * side])
        return losses(mix[None], target[None], tiny.loss)["loss"][0]

    loss = quick_jit(jax.value_and_grad(loss))
    mono = np.concatenate([middle, middle])
    for share in (0.0, 1e-3, 1e-2):
        value, slope = loss(share, mono)
        assert value < 1e-3
        assert np.isfinite(slope)
    assert loss(0.3, mono)[0] > 0.01  # what sounds stereo still is too wide


def test_errors_of_controls_are_those_of_effects_in_use(tiny, batch):
    """The console of `tiny` has gain and pan alone; the curriculum leaves out the pan."""
    truth, other = random_controls(keys(0), 3), random_controls(keys(1), 3)
    mask = jnp.asarray(batch.mask)

    def errors(found, console, active):
        none = jnp.zeros(())
        return parameter_errors(found, Task(none, mask, none, none, none, truth), console, active)

    def of_gains(found):
        errors_ = errors(found, tiny.console, all_active(2)._replace(pan=jnp.zeros(2, bool)))
        return errors_["parameters"].sum(), errors_

    judge = quick_jit(jax.value_and_grad(of_gains, has_aux=True))
    (_, found), slope = judge(other)
    gains = np.square(np.asarray(other.track - truth.track)[..., 0]) * batch.mask
    expected = gains.sum(axis=1) / batch.mask.sum(axis=1) / dsp.TRACK_CONTROLS
    np.testing.assert_allclose(found["parameters_track"], expected, rtol=1e-4)
    for bus in ("fx_bus", "master"):
        np.testing.assert_allclose(found[f"parameters_{bus}"], 0.0, atol=1e-12)
    assert np.all(np.asarray(slope.track)[batch.mask][:, 0] != 0)
    assert not np.any(np.asarray(slope.track)[..., 1:])
    assert not np.any(judge(truth)[0][1]["parameters"])
    everything = dsp.ConsoleConfig(reverb=True)
    whole, plain = quick_jit(
        lambda c: (errors(c, everything, all_active(2)), jax.vmap(parameter_loss)(c, truth, mask))
    )(other)
    np.testing.assert_allclose(whole["parameters"], plain.total, rtol=1e-3)
