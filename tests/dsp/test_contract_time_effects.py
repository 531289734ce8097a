"""The contract of `contract.py` for reverbs, echoes, clippers, limiter and graphic equalizer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp import reverb
from dsp.delay import DELAY_RANGES, ROUTINGS, DelayParams, delay, delay_state
from dsp.distortion import (
    CLIPPER_RANGES,
    ClipperParams,
    distortion,
    oversampling_state,
    soft_clipper,
)
from dsp.feedback_delay_network import (
    NETWORK_REVERB_RANGES,
    NetworkReverbParams,
    feedback_delay_network,
    network_state,
)
from dsp.graphic_equalizer import graphic_eq
from dsp.limiter import LIMITER_RANGES, LimiterParams, limiter, limiter_state
from dsp.ranges import Range
from tests.dsp.contract import SAMPLE_RATE, Case, case, promises, verify

# A small room and short lines keep compilation and finite differences quick.
ROOM = {"sample_rate": SAMPLE_RATE, "samples": 200, "taps": 31}
LINES = (17, 23)


def noise_reverb(x, params, state=None):
    return reverb.noise_shaped_reverb(jax.random.key(0), x, params, state=state, **ROOM)


def network(x, params, state=None):
    return feedback_delay_network(x, params, sample_rate=SAMPLE_RATE, delays=LINES, state=state)


def echo(routing: str) -> Case:
    limits = {"sample_rate": SAMPLE_RATE, "shortest_ms": 1.0, "longest_ms": 20.0}

    def apply(x, params, state=None):
        return delay(x, params, routing=routing, state=state, **limits)

    return case(
        f"delay-{routing}",
        apply,
        DelayParams._make([Range(1.0, 20.0), *DELAY_RANGES[1:]]),
        neutral=DelayParams._make([10.0, 0.5, 0.0]),
        initial=lambda x: delay_state(x, **limits),
        independent=routing == "straight",
        tolerance=2e-5,
    )


def clipper(oversampling: int) -> Case:
    def initial(x):
        return oversampling_state(x, factor=oversampling)

    def stream(x, params, state=None):
        # Streams come late, so the whole is compared as a stream, too.
        y, new = soft_clipper(
            x, params, oversampling=oversampling, state=initial(x) if state is None else state
        )
        return y if state is None else (y, new)

    return case(
        f"soft_clipper-{oversampling}",
        stream,
        CLIPPER_RANGES,
        neutral=ClipperParams._make([0.0, 6.0, 0.5]) if oversampling == 1 else None,
        initial=initial,
        tolerance=2e-5,
    )


def limit(oversampling: int, low_ceiling_db: float) -> Case:
    static = {"sample_rate": SAMPLE_RATE, "lookahead_ms": 1.0, "oversampling": oversampling}

    def initial(x):
        return limiter_state(x, **static)

    def stream(x, params, state=None):
        # Streams come late, so the whole is compared as a stream, too.
        y, new = limiter(x, params, state=initial(x) if state is None else state, **static)
        return y if state is None else (y, new)

    return case(
        f"limiter-{oversampling}",
        stream,
        LimiterParams._make([Range(low_ceiling_db, 0.0), LIMITER_RANGES.release_ms]),
        initial=initial,
        independent=False,
        tolerance=2e-5,
        # Without LLVM's optimisation and XLA's fusion emitters, the gradient of equal peaks comes
        # out several times too large; with one of them or both, as users run it, it does not.
        jit=jax.jit,
    )


def graphic(x, gain_db, state=None):
    return graphic_eq(x, gain_db, sample_rate=SAMPLE_RATE, state=state)


def octaves(low: float, high: float) -> Range:
    return Range._make([np.full(reverb.BANDS, low), np.full(reverb.BANDS, high)])


CASES = [
    case(
        "noise_shaped_reverb",
        noise_reverb,
        reverb.ReverbParams._make([octaves(0.0, 1.0), octaves(0.0, 1.0), Range(0.0, 1.0)]),
        neutral=reverb.ReverbParams._make([np.ones(12), np.ones(12), 0.0]),
        initial=lambda x: jnp.zeros((2, 199), x.dtype),
    ),
    case(
        "feedback_delay_network",
        network,
        NETWORK_REVERB_RANGES,
        neutral=NetworkReverbParams._make([1.0, 1.0, 1.0, 300.0, 3000.0, 0.0]),
        initial=lambda x: network_state(x, sample_rate=SAMPLE_RATE, delays=LINES),
        independent=False,
        tolerance=2e-5,
    ),
    *map(echo, ROUTINGS),
    case("distortion", distortion, Range(0.0, 24.0)),
    *map(clipper, (1, 2)),
    case(
        "graphic_eq",
        graphic,
        Range._make([np.full(10, -12.0), np.full(10, 12.0)]),
        neutral=np.zeros(10),
        initial=lambda x: jnp.zeros((2, 20), x.dtype),
        tolerance=2e-5,
    ),
    limit(1, -24.0),
    limit(4, -24.0),
]

# Cases that share all but a few lines with another one (`graphic_eq` with `parametric_eq`) need
# only show what is their own.
VARIANTS = {
    "delay-cross": {"chunked_equals_whole", "neutral_is_identity"},
    "delay-ping_pong": {"chunked_equals_whole", "neutral_is_identity"},
    "soft_clipper-1": {"chunked_equals_whole", "neutral_is_identity"},
    "limiter-1": {"chunked_equals_whole"},
    "graphic_eq": {"neutral_is_identity", "dtype_is_kept"},
}


@pytest.mark.parametrize(("effect", "check"), promises(CASES, only=VARIANTS))
def test_contract(effect: Case, check: str) -> None:
    verify(effect, check)
