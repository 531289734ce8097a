"""Golden vectors: independent implementations' numbers, within the one table of tolerances."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from tests import golden
from tests.dsp.tolerances import TOLERANCE

SAMPLE_RATE = 44100
BANDS = ("low_shelf", "band0", "band1", "band2", "band3", "high_shelf")


def assert_within(actual, wanted, name):
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=TOLERANCE[name])


def float32(*values):
    return [jnp.asarray(v, jnp.float32) for v in values]


@pytest.mark.parametrize("kind", ["low_shelf", "high_shelf", "peaking", "low_pass", "high_pass"])
def test_biquad_coefficients(kind, float64):
    z = golden.load("biquad_coefficients.npz")
    sos = dsp.biquad(kind, z["cutoff_freq"], z["q_factor"], z["gain_db"], sample_rate=SAMPLE_RATE)
    assert_within(sos, z[kind], "biquad_coefficients")


@pytest.mark.parametrize("method", ["scan", "block", "fft"])
def test_parametric_eq(method):
    z = golden.load("parametric_eq.npz")
    fields = ("gain_db", "cutoff_freq", "q_factor")
    params = dsp.EqualizerParams(
        *float32(*(np.stack([z[f"{b}_{f}"] for b in BANDS], axis=1) for f in fields))
    )

    def run(x, p):
        return dsp.parametric_eq(x, p, sample_rate=SAMPLE_RATE, method=method)

    assert_within(jax.jit(jax.vmap(run))(z["x"], params), z["y"], "parametric_eq")


@pytest.mark.parametrize("signal", ["y_lookahead_0", "y_lookahead_1024", "y_stereo"])
def test_compressor_one_pole(signal):
    z = golden.load("compressor_one_pole.npz")
    params = dsp.CompressorParams(*float32(*(z[f] for f in dsp.CompressorParams._fields)))
    x = z["x"]
    if signal == "y_stereo":
        x, params = x.reshape(4, 2, -1), jax.tree.map(lambda v: v[:4], params)

    def run(x, p):
        return dsp.compressor(
            x,
            p,
            sample_rate=SAMPLE_RATE,
            ballistics="sampled_one_pole",
            detector="sum",
            lookahead_ms=1024 / 44.1 if signal == "y_lookahead_1024" else 0.0,
        )

    assert_within(jax.jit(jax.vmap(run))(x, params), z[signal], "compressor_one_pole")


def test_attack_release_ballistics():
    z = golden.load("attack_release_ballistics.npz")
    args = float32(z["gain"], z["attack_coefficient"], z["release_coefficient"], np.ones(4))

    def run(*args):
        return jax.vmap(lambda *a: dsp.smooth(*a)[0])(*args)

    assert_within(jax.jit(run)(*args), z["smoothed"], "attack_release_ballistics")
    weighted = jax.jit(jax.grad(lambda *a: jnp.sum(z["weight"] * run(*a)), argnums=(0, 1, 2, 3)))
    names = ("grad_gain", "grad_attack", "grad_release", "grad_initial")
    for name, gradient in zip(names, weighted(*args), strict=True):
        scale = np.abs(z[name]).max()
        assert_within(gradient / scale, z[name] / scale, "attack_release_ballistics gradient")


def test_stereo_panner():
    z = golden.load("stereo_panner.npz")
    y = jax.vmap(lambda x, p: dsp.pan(x[None], p, law="compromise"))(
        z["x"][0], z["pan"][0].astype(np.float32)
    )
    assert_within(jnp.swapaxes(y, 0, 1), z["y"][0], "stereo_panner")


def test_stereo_widener():
    z = golden.load("stereo_widener.npz")
    y = jax.vmap(dsp.stereo_widener)(z["x"], z["width"])
    assert_within(y, z["y"], "stereo_widener")


def test_stereo_bus():
    z = golden.load("stereo_bus.npz")
    y = dsp.stereo_bus(jnp.swapaxes(z["x"][0], 0, 1), z["send_db"][0])
    assert_within(y, z["y"][0], "stereo_bus")


@pytest.mark.parametrize(
    ("mix", "changes"),
    [
        ("mix_full", {}),
        ("mix_tracks_only", {"master_bus": False}),
        ("mix_no_compressor", {"track_compressor": False}),
    ],
)
def test_console(mix, changes):
    z = golden.load("console.npz")
    tracks, *controls = float32(
        *(z[k][0] for k in ("tracks", "track_params", "fx_bus_params", "master_bus_params"))
    )
    config = dataclasses.replace(dsp.ConsoleConfig.diffmst(), **changes)

    def run(tracks, *controls):
        params = dsp.console_params(*controls, sample_rate=SAMPLE_RATE)
        return dsp.mix_console(tracks, params, config, sample_rate=SAMPLE_RATE).mix

    assert_within(jax.jit(run)(tracks, *controls), z[mix][0], "console")


def test_console_ranges():
    wanted = json.loads(golden.path("console_ranges.json").read_text())
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    for strip in (ranges.tracks, ranges.master_bus):
        order = [
            f"{band}_{field}" for band in BANDS for field in ("gain_db", "cutoff_freq", "q_factor")
        ]
        assert list(wanted["parametric_eq"]) == order
        for i, band in enumerate(BANDS):
            for field, limits in zip(
                ("gain_db", "cutoff_freq", "q_factor"), strip.equalizer, strict=True
            ):
                low_high = [limits.low[i], limits.high[i]]
                assert low_high == wanted["parametric_eq"][f"{band}_{field}"]
        assert list(wanted["compressor"]) == list(strip.compressor._fields)
        for name, limits in strip.compressor._asdict().items():
            assert list(limits) == wanted["compressor"][name]
    assert list(ranges.tracks.input_gain_db) == wanted["input_fader"]["gain_db"]
    assert list(ranges.tracks.pan) == wanted["stereo_panner"]["pan"]
    assert list(ranges.tracks.send_db) == wanted["fx_bus"]["send_db"]
    assert list(ranges.master_bus.output_fader_db) == wanted["output_fader"]["gain_db"]
    assert list(ranges.master_bus.input_fader_db) == wanted["input_fader"]["gain_db"]
    assert all(limits == [0.0, 1.0] for limits in wanted["reverberation"].values())
    assert len(wanted["reverberation"]) == dsp.FX_BUS_CONTROLS
