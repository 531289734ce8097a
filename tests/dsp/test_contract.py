"""Every effect, every promise: see `contract.py`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from dsp.console_settings import console_ranges
from dsp.dynamics import EXPANDER_RANGES, GATE_RANGES
from tests.dsp.contract import SAMPLE_RATE, Case, case, ends, promises, verify

RANGES = console_ranges(sample_rate=SAMPLE_RATE)


def equalizer_case(method: str) -> Case:
    def apply(x, params, state=None):
        return dsp.parametric_eq(x, params, sample_rate=SAMPLE_RATE, method=method, state=state)

    ranges = RANGES.tracks.equalizer
    low, high = ends(ranges)
    neutral = dsp.EqualizerParams(np.zeros(6), np.sqrt(low[1] * high[1]), np.ones(6))
    return Case(
        f"parametric_eq-{method}",
        apply,
        low,
        high,
        neutral=neutral,
        initial=None if method == "fft" else dsp.equalizer_state,
        # Frequency sampling lets the end of a long response wrap around to the start.
        causal=method != "fft",
        tolerance=2e-5,
    )


def compressor_case(ballistics: str, **options: Any) -> Case:
    def apply(x, params, state=None):
        return dsp.compressor(
            x, params, sample_rate=SAMPLE_RATE, ballistics=ballistics, state=state, **options
        )

    def initial(x):
        lookahead_ms = options.get("lookahead_ms", 0.0)
        return dsp.dynamics_state(
            x, sample_rate=SAMPLE_RATE, ballistics=ballistics, lookahead_ms=lookahead_ms
        )

    streams = ballistics != "sampled_one_pole"
    label = "-".join([ballistics, *(f"{v}" for v in options.values())])
    ranges = RANGES.tracks.compressor._replace(knee_db=dsp.Range(0.0, 12.0))
    neutral = dsp.CompressorParams(-20.0, 1.0, 20.0, 100.0, 6.0, 0.0)
    return case(
        f"compressor-{label}",
        apply,
        ranges,
        neutral=None if "lookahead_ms" in options else neutral,
        initial=initial if streams else None,
        independent=False,
        causal=streams,
    )


def pair_case() -> Case:
    """The two channels of a stereo track on the console, hard left and right, compressed as one."""
    config = dsp.ConsoleConfig(track_equalizer=False)
    side = np.array([-1, 1])

    def apply(x, params, state=None):
        neutral = dsp.neutral_console(2, sample_rate=SAMPLE_RATE).tracks
        both = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), params)
        strips = neutral._replace(compressor=both, pan=jnp.array([0.0, 1.0]))
        strips = jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), strips)
        out = dsp.console_strips(x, strips, config, sample_rate=SAMPLE_RATE, side=side, state=state)
        return out.dry if state is None else (out.dry, out.state)

    return case(
        "linked pair",
        apply,
        RANGES.tracks.compressor,
        neutral=dsp.CompressorParams(-20.0, 1.0, 20.0, 100.0, 6.0, 0.0),
        initial=lambda x: dsp.console_state(x, config, sample_rate=SAMPLE_RATE).tracks,
        independent=False,
    )


def dynamics_case(name: str, ranges: Any) -> Case:
    effect = getattr(dsp, name)

    def apply(x, params, state=None):
        return effect(x, params, sample_rate=SAMPLE_RATE, state=state)

    low, high = ends(ranges)
    return Case(
        name,
        apply,
        low,
        high,
        neutral=high._replace(range_db=np.zeros(())),
        initial=lambda x: dsp.dynamics_state(x, sample_rate=SAMPLE_RATE),
        independent=False,
    )


def k_weighting(x, _, state=None):
    return dsp.k_weighting(x, sample_rate=SAMPLE_RATE, state=state)


UNIT = dsp.Range(0.0, 1.0)

CASES = [
    case("gain", dsp.gain, dsp.Range(-80.0, 48.0), neutral=0.0, initial=None),
    *(
        case(f"pan-{law}", lambda x, p, law=law: dsp.pan(x, p, law=law), UNIT, channels=1)
        for law in ("constant_power", "compromise", "linear")
    ),
    case("stereo_widener", dsp.stereo_widener, UNIT, neutral=0.5, independent=False),
    case("mid_side", lambda x, _: dsp.mid_side(x), UNIT, independent=False),
    case("k_weighting", k_weighting, UNIT, initial=dsp.k_weighting_state),
    *map(equalizer_case, ("scan", "block", "fft")),
    *map(compressor_case, ("branching", "decoupled", "one_pole", "sampled_one_pole")),
    compressor_case("branching", detector="max", detection="rms"),
    compressor_case("branching", detector="sum", lookahead_ms=1.0),
    dynamics_case("expander", EXPANDER_RANGES),
    dynamics_case("gate", GATE_RANGES),
    case("pair_mean", lambda x, _: dsp.pair_mean(x, np.array([-1, 1])), UNIT, independent=False),
    pair_case(),
]


@pytest.mark.parametrize(("effect", "check"), promises(CASES))
def test_contract(effect: Case, check: str) -> None:
    verify(effect, check)
