"""Bad input to every public function: an error that names argument, value and what is expected.

`GOOD` holds one good call of each; every argument of it is then spoilt in turn. Calls are traced,
not run, which shows too that no check looks at the values of an array.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp

RATE = {"sample_rate": 44100}
X = jnp.zeros((2, 100))
MONO = X[:1]
LOUD = {"x": jnp.zeros((2, 32000)), "sample_rate": 8000}
SCALAR = jnp.ones(())
TRACKS = 3
CONFIG = dsp.ConsoleConfig(reverb=True)
KEY = jax.random.key(0)
CONSOLE = dsp.neutral_console(TRACKS, **RATE)
STEMS = jnp.zeros((TRACKS, 100))
SIDE = jnp.array([0, -1, 1])
MEMORY = jax.eval_shape(lambda: dsp.console_state(STEMS, CONFIG, **RATE))
EQUALIZER, REVERB = CONSOLE.master_bus.equalizer, CONSOLE.fx_bus.reverb
BANK = {"bands": 8, "n_fft": 512, **RATE, "low_hz": 20.0, "high_hz": 20000.0}
DYNAMICS = {
    "x": X,
    **RATE,
    "ballistics": "decoupled",
    "detector": "max",
    "detection": "rms",
    "lookahead_ms": 1.0,
    "side_chain": X,
    "state": jax.eval_shape(
        lambda: dsp.dynamics_state(X, **RATE, ballistics="decoupled", lookahead_ms=1.0)
    ),
}
ECHO = {**RATE, "shortest_ms": 1.0, "longest_ms": 10.0}
LIMIT = {**RATE, "lookahead_ms": 1.0, "oversampling": 2}
KERNEL = jnp.zeros((2, 9))


def settings(kind: Any) -> Any:
    """Scalars for every field."""
    return kind._make([SCALAR] * len(kind._fields))


GOOD: dict[str, dict[str, Any]] = {
    "bark_filterbank": BANK,
    "biquad": {
        "kind": "peaking",
        "frequency_hz": jnp.ones(4),
        "q_factor": jnp.ones(4),
        "gain_db": jnp.ones(4),
        **RATE,
    },
    "compressor": {**DYNAMICS, "params": settings(dsp.CompressorParams)},
    "compressor_gain": {
        "side_chain": X,
        "params": settings(dsp.CompressorParams),
        **RATE,
        "ballistics": "decoupled",
        "detector": "max",
        "detection": "rms",
    },
    "console_buses": {
        "dry": X,
        "sent": X,
        "fx_bus": CONSOLE.fx_bus,
        "master_bus": CONSOLE.master_bus,
        "config": CONFIG,
        **RATE,
        "room": jnp.zeros((2, 65536)),
        "state": dsp.BusState(*MEMORY[1:]),
    },
    "console_controls": {"params": CONSOLE, **RATE},
    "console_params": {
        "track": jnp.zeros((TRACKS, dsp.TRACK_CONTROLS)),
        "fx_bus": jnp.zeros(dsp.FX_BUS_CONTROLS),
        "master": jnp.zeros(dsp.MASTER_CONTROLS),
        **RATE,
    },
    "console_ranges": RATE,
    "console_room": {"key": KEY, "params": CONSOLE.fx_bus, **RATE},
    "console_state": {"tracks": STEMS, "config": CONFIG, **RATE},
    "console_strips": {
        "tracks": STEMS,
        "params": CONSOLE.tracks,
        "config": CONFIG,
        **RATE,
        "mask": jnp.ones(TRACKS),
        "side": SIDE,
        "state": MEMORY.tracks,
    },
    "convolution_reverb": {
        "x": X,
        "response": KERNEL,
        "mix": SCALAR,
        "state": jnp.zeros((2, 8)),
    },
    "convolve": {"x": X, "kernel": KERNEL, "state": jnp.zeros((2, 8))},
    "convolve_state": {"x": X, "kernel": KERNEL},
    "delay": {
        "x": X,
        "params": settings(dsp.DelayParams),
        "routing": "cross",
        **ECHO,
        "state": jax.eval_shape(lambda: dsp.delay_state(X, **ECHO)),
    },
    "delay_state": {"x": X, **ECHO},
    "denormalize": {"controls": (SCALAR, SCALAR), "ranges": (dsp.Range(0.0, 1.0),) * 2},
    "distortion": {"x": X, "drive_db": SCALAR},
    "downsample": {"x": X, "factor": 2, "zero_crossings": 8, "attenuation_db": 60.0},
    "dynamics_state": {"x": X, **RATE, "ballistics": "decoupled", "lookahead_ms": 1.0},
    "equalizer_response": {
        "params": EQUALIZER,
        "frequencies_hz": jnp.ones(9),
        **RATE,
        "kinds": ("peaking",) * 6,
    },
    "equalizer_state": {"x": X, "kinds": ("peaking",) * 6},
    "expander": {**DYNAMICS, "params": settings(dsp.ExpanderParams)},
    "feedback_delay_network": {
        "x": X,
        "params": settings(dsp.NetworkReverbParams),
        **RATE,
        "delays": (17, 23),
        "state": jax.eval_shape(lambda: dsp.network_state(X, **RATE, delays=(17, 23))),
    },
    "gain": {"x": X, "gain_db": SCALAR},
    "gate": {**DYNAMICS, "params": settings(dsp.GateParams)},
    "graphic_eq": {
        "x": X,
        "gain_db": jnp.zeros(10),
        **RATE,
        "bands_per_octave": 1,
        "method": "block",
        "state": jnp.zeros((2, 20)),
    },
    "graphic_eq_design": {"gain_db": jnp.zeros(10), **RATE, "bands_per_octave": 1},
    "graphic_eq_frequencies": {**RATE, "bands_per_octave": 1},
    "integrated_loudness": {**LOUD, "variant": "itu"},
    "k_weighting": {"x": X, **RATE, "variant": "itu", "state": jnp.zeros((2, 4))},
    "k_weighting_state": {"x": X},
    "lfilter": {
        "b": jnp.ones(3),
        "a": jnp.ones(3),
        "x": X,
        "zi": jnp.zeros((2, 2)),
        "method": "block",
    },
    "limiter": {
        "x": X,
        "params": settings(dsp.LimiterParams),
        **LIMIT,
        "state": jax.eval_shape(lambda: dsp.limiter_state(X, **LIMIT)),
    },
    "limiter_latency": LIMIT,
    "limiter_state": {"x": X, **LIMIT},
    "loudness_range": {**LOUD, "variant": "itu"},
    "magnitude": {"spectrum": jnp.zeros((9, 4), jnp.complex64)},
    "mel_filterbank": {**BANK, "scale": "htk"},
    "mid_side": {"x": X},
    "mix_console": {
        "tracks": STEMS,
        "params": CONSOLE,
        "config": CONFIG,
        **RATE,
        "mask": jnp.ones(TRACKS),
        "side": SIDE,
        "key": KEY,
        "state": MEMORY,
    },
    "momentary_loudness": {**LOUD, "hop_s": 0.1, "variant": "itu"},
    "network_state": {"x": X, **RATE, "delays": (17, 23)},
    "neutral_console": {"tracks": TRACKS, **RATE},
    "noise_impulse_response": {
        "noise": jnp.zeros((2, 12, 50)),
        "params": REVERB,
        **RATE,
        "taps": 31,
    },
    "noise_shaped_reverb": {
        "key": KEY,
        "x": X,
        "params": REVERB,
        **RATE,
        "samples": 20,
        "taps": 31,
        "state": jnp.zeros((2, 19)),
    },
    "normalize": {"settings": (SCALAR, SCALAR), "ranges": (dsp.Range(0.0, 1.0),) * 2},
    "oversample": {"function": jnp.tanh, "x": X, "factor": 2, "state": jnp.zeros((2, 128))},
    "oversampling_latency": {"factor": 2},
    "oversampling_state": {"x": X, "factor": 2},
    "pair_mean": {"x": STEMS, "side": SIDE},
    "pair_positions": {"position": SCALAR},
    "pan": {"x": MONO, "position": SCALAR, "law": "linear"},
    "parametric_eq": {
        "x": X,
        "params": EQUALIZER,
        **RATE,
        "kinds": ("peaking",) * 6,
        "method": "scan",
        "state": jnp.zeros((2, 12)),
    },
    "reverb_noise": {"key": KEY, "samples": 20, "taps": 31},
    "short_term_loudness": {**LOUD, "hop_s": 0.1, "variant": "itu"},
    "smooth": {
        "x": jnp.zeros(100),
        "attack": SCALAR,
        "release": SCALAR,
        "initial": jnp.zeros(2),
        "ballistics": "decoupled",
    },
    "soft_clipper": {
        "x": X,
        "params": settings(dsp.ClipperParams),
        "oversampling": 2,
        "state": jnp.zeros((2, 128)),
    },
    "sosfilt": {
        "sos": jnp.ones((2, 6)),
        "x": X,
        "zi": jnp.zeros((2, 2, 2)),
        "method": "block",
    },
    "stereo_bus": {"x": jnp.zeros((TRACKS, 2, 100)), "send_db": jnp.zeros(TRACKS)},
    "stereo_widener": {"x": X, "width": SCALAR},
    "stft": {"x": X, "n_fft": 32, "hop": 8, "window": "hamming", "window_length": 16},
    "time_constant": {"time_ms": SCALAR, **RATE},
    "true_peak": {"x": X, **RATE, "oversampling": 2},
    "upsample": {"x": X, "factor": 2, "zero_crossings": 8, "attenuation_db": 60.0},
}

# Arguments that have no wrong value, or whose errors are another library's.
FREE = {
    ("denormalize", "ranges"),
    ("normalize", "ranges"),
    ("oversample", "function"),
    ("pair_positions", "position"),
    ("time_constant", "time_ms"),
}
# What does not broadcast with a good value.
BROADCAST = {"frequency_hz": (5,), "q_factor": (5,), "gain_db": (5,)}
SETTINGS = {"drive_db", "mix", "position", "width"}
FLOATING = {"x", "tracks", "dry", "sent", "room", "response", "kernel", "noise", "side_chain"}


def is_array(value: Any) -> bool:
    return isinstance(value, (jax.Array, jax.ShapeDtypeStruct))


def spoilt_leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """Settings or a state with one field after the other in a wrong shape, and its last name."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(value)
    for i, (path, leaf) in enumerate(leaves):
        wrong = [v for _, v in leaves]
        wrong[i] = jnp.zeros((*leaf.shape, 3), leaf.dtype)
        yield jax.tree_util.keystr(path[-1:]).strip(".[]"), jax.tree.unflatten(tree, wrong)


def without_number(value: Any) -> Iterator[tuple[str, Any]]:
    """Settings with one field after the other that is no number, and its last name."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(value)
    for i, (path, _) in enumerate(leaves):
        for bad in (None, "1"):
            wrong = [bad if i == j else leaf for j, (_, leaf) in enumerate(leaves)]
            yield jax.tree_util.keystr(path[-1:]).strip(".[]"), jax.tree.unflatten(tree, wrong)


def spoilt_array(name: str, value: Any) -> Iterator[tuple[Any, str]]:
    """A wrong shape, what is no number, and what is no array or one of other numbers."""
    wrong = jnp.zeros(BROADCAST.get(name, () if value.shape else (3,)), value.dtype)
    yield wrong, rf"{name}\b.*; expected"
    if name in SETTINGS:
        yield from ((bad, rf"{name} is {bad!r}; expected numbers") for bad in (None, "1"))
    if name in FLOATING:
        yield np.zeros(value.shape).tolist(), f"{name} is of type list; expected an array"
        for dtype in ("int32", "float16", "bfloat16"):
            message = rf"{name} has dtype {dtype}; expected floating point, 32 or 64 bits"
            yield jnp.zeros(value.shape, dtype), message
        yield np.zeros(value.shape, ">f4"), rf"{name} has dtype >f4; expected floating point"


def spoilt(name: str, value: Any) -> Iterator[tuple[Any, str]]:
    """Bad values in place of a good one, and how the error must begin."""
    if isinstance(value, str):
        yield from ((bad, f"{name} is {bad!r}; expected one of") for bad in ("nonsense", 1))
    elif isinstance(value, int | float):
        bads = [-1, float("nan"), float("inf"), "1", True]
        bads += [0] if name in {"sample_rate", "hop_s"} else []
        bads += [2.5] if isinstance(value, int) and name != "sample_rate" else []
        for bad in bads:
            yield bad, rf"{name}\b.* {bad!r}(?!\w).*; expected"
    elif name == "spectrum":
        yield jnp.zeros(value.shape), "spectrum has dtype float32; expected complex"
    elif is_array(value):
        yield from spoilt_array(name, value)
    elif isinstance(value, tuple) and all(isinstance(v, str | int) for v in value):
        bad = (*value[1:], "nonsense")
        yield bad, f"{name} is 'nonsense'; expected"
    else:
        yield object(), rf"{name}\b.*; expected"
        fields = hasattr(value, "_fields")
        for field, bad in spoilt_leaves(value) if fields else ():
            yield bad, rf"\b{field}\b.* has shape .*; expected|{name} has structure"
        for field, bad in without_number(value) if fields else ():
            yield bad, rf"\b{field}\b.*; expected|{name} has structure"


def divided(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments that are made of arrays, and those that are not."""
    arrays = {
        name: value
        for name, value in arguments.items()
        if jax.tree.leaves(value) and all(map(is_array, jax.tree.leaves(value)))
    }
    return arrays, {name: value for name, value in arguments.items() if name not in arrays}


def trace(function: Any, arguments: dict[str, Any]) -> None:
    """Call with tracers for arrays."""
    arrays, static = divided(arguments)
    jax.eval_shape(lambda given: (function(**static, **given), None)[1], arrays)


FUNCTIONS = [name for name in dsp.__all__ if inspect.isfunction(getattr(dsp, name))]
ARGUMENTS = [
    (function, argument)
    for function, arguments in GOOD.items()
    for argument in arguments
    if (function, argument) not in FREE and argument != "key"
]


def test_no_public_function_is_left_out():
    assert sorted(GOOD) == sorted(FUNCTIONS)
    for name in FUNCTIONS:
        untried = set(inspect.signature(getattr(dsp, name)).parameters) - set(GOOD[name])
        assert untried <= {"center", "dtype", "equal_area", "high_correction"}, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_check_looks_at_the_values_of_an_array(name):
    """Looking raises under tracing; good calls pass, so errors below are of the bad value."""
    trace(getattr(dsp, name), GOOD[name])


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if divided(GOOD[name])[0]])
def test_a_batch_may_be_empty(name):
    """`vmap` over no signals gives none, as everywhere in JAX."""
    arrays, static = divided(GOOD[name])
    none = jax.tree.map(lambda v: jax.ShapeDtypeStruct((0, *v.shape), v.dtype), arrays)
    out = jax.eval_shape(jax.vmap(lambda given: getattr(dsp, name)(**static, **given)), none)
    assert all(leaf.shape[0] == 0 for leaf in jax.tree.leaves(out))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("error")
def test_audio_as_files_are_often_read_is_taken_in_single_precision(name):
    """NumPy's float64, outside of `jax.jit`: JAX warns of each array that is asked for like it."""
    arrays, static = divided(GOOD[name])
    read = {k: np.zeros(v.shape) for k, v in arrays.items() if k in FLOATING}
    rest = {k: v for k, v in arrays.items() if k not in FLOATING}
    out = jax.eval_shape(lambda given: getattr(dsp, name)(**read, **static, **given), rest)
    assert all(leaf.dtype != np.float64 for leaf in jax.tree.leaves(out))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_types_are_promoted_only_where_it_says_so(name):
    """`jax_numpy_dtype_promotion="strict"`, as callers have it who look for lost precision."""
    with jax.numpy_dtype_promotion("strict"):
        trace(getattr(dsp, name), GOOD[name])
        if "method" in GOOD[name] and name != "lfilter":
            without = {k: v for k, v in GOOD[name].items() if k not in {"state", "zi"}}
            trace(getattr(dsp, name), {**without, "method": "fft"})


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        *(("mix_console", "tracks"), ("console_strips", "tracks"), ("console_state", "tracks")),
        *((name, "x") for name in ("k_weighting", "parametric_eq", "compressor", "soft_clipper")),
    ],
)
@pytest.mark.parametrize("shape", [(0, 400), (2, 0)])
def test_audio_without_channels_or_samples_is_named(name, argument, shape):
    static = {k: v for k, v in GOOD[name].items() if k != "state"}
    with pytest.raises(ValueError, match=rf"^{argument} has shape \({shape[0]}, {shape[1]}\)"):
        trace(getattr(dsp, name), {**static, argument: jnp.zeros(shape)})


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_an_error_names_argument_value_and_expectation(name, argument):
    good = GOOD[name]
    bads = list(spoilt(argument, good[argument]))
    assert bads
    for bad, message in bads:
        with pytest.raises(ValueError, match=message):
            trace(getattr(dsp, name), {**good, argument: bad})


@pytest.mark.parametrize(
    ("name", "sampled"),
    [
        *((name, {"method": "fft"}) for name in ("parametric_eq", "graphic_eq", "sosfilt")),
        *(
            (name, {"ballistics": "sampled_one_pole"})
            for name in ("compressor", "expander", "gate")
        ),
    ],
)
def test_what_samples_its_response_takes_no_state(name, sampled):
    with pytest.raises(ValueError, match="expected None: it has no state"):
        trace(getattr(dsp, name), {**GOOD[name], **sampled})
