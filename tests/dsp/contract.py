"""One executable contract that every effect passes.

A `Case` says how to call an effect; `CHECKS` are the promises. A promise that an effect does not
make (a limiter is not causal to its lookahead, a compressor links its channels) is a field of its
case, never a looser bound. Whatever several checks need of an effect is compiled once: its output
and gradients, `pulled`, at one length.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dsp.ranges import Range
from tests.compiling import quick_jit, quick_operations

SAMPLE_RATE = 44100
# What chunks a signal comes in, twice over, so that each kind goes on from the other: a long one
# that fills no whole number of blocks, and a few of one sample. Whole signals are as long as all.
LONG, FEW, TWICE = 2087, 13, 2
TIME = TWICE * (LONG + FEW)
# Finite differences of this relative step, over so few samples.
STEP, SHORT_TIME = 1e-6, 120


@dataclass(frozen=True, eq=False)
class Case:
    """How to call one effect.

    Attributes:
        name: shown by pytest.
        apply: (x, params) -> y, or (x, params, state) -> (y, state) when `state` is given.
        low: settings at the low ends of their ranges.
        high: settings at the high ends, the same tree.
        channels: input channels.
        neutral: settings at which the effect is the identity, if there are any.
        initial: x -> the state of silence, for effects with memory.
        independent: whether each channel is processed on its own.
        causal: whether y[t] depends on nothing after x[t].
        tolerance: error allowed between two ways of computing the same, relative to the output.
        jit: how it is compiled.
    """

    name: str
    apply: Callable[..., Any]
    low: Any
    high: Any
    channels: int = 2
    neutral: Any = None
    initial: Callable[[jax.Array], Any] | None = None
    independent: bool = True
    causal: bool = True
    tolerance: float = 5e-6
    jit: Callable[..., Any] = quick_jit

    def draw(self, rng: np.random.Generator) -> Any:
        """Settings somewhere inside their ranges."""

        def inside(low: Any, high: Any) -> np.ndarray:
            return rng.uniform(low, high)

        return jax.tree.map(inside, self.low, self.high)

    def corners(self, rng: np.random.Generator, count: int = 12) -> list[Any]:
        """All settings low, all high, every one-effect corner if few, and random corners."""
        leaves, tree = jax.tree.flatten(self.low)
        highs = jax.tree.leaves(self.high)
        picks: Sequence[Sequence[Any]]
        if 2 ** len(leaves) <= count:
            picks = list(product((0, 1), repeat=len(leaves)))
        else:
            picks = [[0] * len(leaves), [1] * len(leaves)]
            picks += [[rng.integers(0, 2, np.shape(v)) for v in leaves] for _ in range(count - 2)]
        return [
            jax.tree.unflatten(
                tree, [np.where(p, h, v) for p, v, h in zip(pick, leaves, highs, strict=True)]
            )
            for pick in picks
        ]


def ends(ranges: Any) -> tuple[Any, Any]:
    """The low and the high ends of a tree of ranges."""

    def side(field: str) -> Any:
        def end(r: Range) -> np.ndarray:
            return np.asarray(getattr(r, field))

        return jax.tree.map(end, ranges, is_leaf=lambda node: isinstance(node, Range))

    return side("low"), side("high")


def case(name: str, apply: Callable[..., Any], ranges: Any, **options: Any) -> Case:
    """The case of an effect whose settings have `ranges`."""
    low, high = ends(ranges)
    return Case(name, apply, low, high, **options)


def promises(cases: Iterable[Case], only: Mapping[str, set[str]] | None = None) -> list[Any]:
    """Every promise that every case makes, for `pytest.mark.parametrize(("effect", "check"))`.

    Args:
        cases: what to check.
        only: by the name of a case, the checks that it needs, where not all.
    """
    return [
        pytest.param(effect, check, id=f"{effect.name}-{check}")
        for effect in cases
        for check, (_, promised) in CHECKS.items()
        if promised(effect) and check in (only or {}).get(effect.name, CHECKS)
    ]


def as_dtype(tree: Any, dtype: Any) -> Any:
    """Cast every leaf of settings."""
    return jax.tree.map(lambda v: jnp.asarray(v, dtype), tree)


def music(rng: np.random.Generator, channels: int, time: int = TIME) -> np.ndarray:
    """Noise whose level rises and falls, within full scale."""
    envelope = 0.05 + 0.9 * np.abs(np.sin(np.linspace(0, 7, time)))
    return (envelope * rng.uniform(-1, 1, (channels, time))).astype(np.float32)


def weights(case: Case, rng: np.random.Generator, time: int = TIME) -> np.ndarray:
    """Noise in the shape of the output: the cotangent of a weighted sum."""
    x = jax.ShapeDtypeStruct((case.channels, time), jnp.float32)
    shape = jax.eval_shape(case.apply, x, as_dtype(case.low, jnp.float32)).shape
    return rng.standard_normal(shape).astype(np.float32)


def assert_close(actual: Any, wanted: Any, tolerance: float) -> None:
    """Compare two trees; the error is relative to the largest wanted value, or to 1 below it."""
    for a, w in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        if not np.size(w):
            continue
        scale = max(1.0, float(np.max(np.abs(w))))
        np.testing.assert_allclose(np.asarray(a) / scale, np.asarray(w) / scale, 0, tolerance)


def with_gradients(apply: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """(x, params, weight) -> output, and the gradients to x and params of its weighted sum."""

    def run(x: Any, params: Any, weight: Any) -> tuple[Any, Any]:
        y, pull = jax.vjp(apply, x, params)
        return y, pull(weight)

    return run


@functools.cache
def pulled(case: Case) -> Callable[..., tuple[Any, Any]]:
    """The effect with its gradients, compiled."""
    return case.jit(with_gradients(case.apply))


def output(case: Case, x: Any, params: Any) -> np.ndarray:
    """The effect on TIME samples, compiled."""
    y, _ = pulled(case)(x, as_dtype(params, jnp.float32), weights(case, np.random.default_rng(0)))
    return np.asarray(y)


def eager_equals_jit(case: Case, rng: np.random.Generator) -> None:
    x, params = music(rng, case.channels), as_dtype(case.draw(rng), jnp.float32)
    with quick_operations():
        eager = case.apply(x, params)
    assert_close(output(case, x, params), eager, case.tolerance)


def vmap_equals_loop(case: Case, rng: np.random.Generator) -> None:
    x = np.stack([music(rng, case.channels) for _ in range(3)])
    draws = [as_dtype(case.draw(rng), jnp.float32) for _ in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)
    loop = np.stack([output(case, *one) for one in zip(x, draws, strict=True)])
    assert_close(case.jit(jax.vmap(case.apply))(x, stacked), loop, case.tolerance)


def in_chunks(case: Case) -> Callable[..., jax.Array]:
    """The effect applied chunk by chunk, carrying its state; each chunk is rematerialised."""

    def run(x: jax.Array, params: Any) -> jax.Array:
        assert case.initial is not None

        @jax.checkpoint
        def step(state: Any, chunk: jax.Array) -> tuple[Any, jax.Array]:
            y, state = case.apply(chunk, params, state)
            return state, y

        def turn(state: Any, part: jax.Array) -> tuple[Any, jax.Array]:
            state, long = step(state, part[:, :LONG])
            state, few = lax.scan(step, state, part[:, LONG:].T[..., None])
            return state, jnp.concatenate([long, few[..., 0].T], axis=1)

        parts = jnp.swapaxes(x.reshape(-1, TWICE, LONG + FEW), 0, 1)
        y = lax.scan(turn, case.initial(x), parts)[1]
        return jnp.swapaxes(y, 0, 1).reshape(-1, TIME)

    return run


def chunked_equals_whole(case: Case, rng: np.random.Generator) -> None:
    """Outputs and gradients, in chunks of one sample and of many, each rematerialised."""
    params, x = as_dtype(case.draw(rng), jnp.float32), music(rng, case.channels)
    weight = weights(case, rng)
    y, gradients = case.jit(with_gradients(in_chunks(case)))(x, params, weight)
    wanted_y, wanted_gradients = pulled(case)(x, params, weight)
    assert_close(y, wanted_y, case.tolerance)
    assert_close(gradients, wanted_gradients, 10 * case.tolerance)


def checkpoint_changes_nothing(case: Case, rng: np.random.Generator) -> None:
    arguments = music(rng, case.channels), as_dtype(case.draw(rng), jnp.float32), weights(case, rng)
    again = case.jit(with_gradients(jax.checkpoint(case.apply)))
    assert_close(again(*arguments), pulled(case)(*arguments), case.tolerance)


def is_causal(case: Case, rng: np.random.Generator) -> None:
    params, cut = case.draw(rng), TIME // 2
    x = music(rng, case.channels)
    changed = x.copy()
    changed[:, cut:] = music(rng, case.channels)[:, cut:]
    y, other = output(case, x, params), output(case, changed, params)
    assert_close(other[..., :cut], y[..., :cut], case.tolerance)


def channels_are_independent(case: Case, rng: np.random.Generator) -> None:
    params, x = case.draw(rng), music(rng, case.channels)
    changed = x.copy()
    changed[1:] = music(rng, case.channels)[1:]
    assert_close(output(case, changed, params)[0], output(case, x, params)[0], case.tolerance)


def neutral_is_identity(case: Case, rng: np.random.Generator) -> None:
    x = music(rng, case.channels)
    assert_close(output(case, x, case.neutral), x, case.tolerance)


def dtype_is_kept(case: Case, rng: np.random.Generator) -> None:
    """float32 stays float32 even where float64 is allowed: no constant may promote it."""
    params = case.draw(rng)
    for dtype, x64 in ((jnp.float32, False), (jnp.float32, True), (jnp.float64, True)):
        with jax.enable_x64(x64):
            x = jax.ShapeDtypeStruct((case.channels, TIME), dtype)
            assert jax.eval_shape(case.apply, x, as_dtype(params, dtype)).dtype == dtype


def finite_at_the_edges(case: Case, rng: np.random.Generator) -> None:
    """Values and gradients at silence, full scale and the corners of every range."""
    signals = [
        np.zeros((case.channels, TIME), np.float32),
        np.sign(music(rng, case.channels)),
        np.ones((case.channels, TIME), np.float32),
    ]
    weight = weights(case, rng)
    for corner in case.corners(rng):
        for x in signals:
            for leaf in jax.tree.leaves(pulled(case)(x, as_dtype(corner, jnp.float32), weight)):
                assert np.isfinite(leaf).all()


def gradient_matches_finite_differences(case: Case, rng: np.random.Generator) -> None:
    """Forward and reverse mode in float64, along one direction of the audio and one per setting."""
    point = (music(rng, case.channels, SHORT_TIME), case.draw(rng))
    spans = (np.ones_like(point[0]), jax.tree.map(np.subtract, case.high, case.low))
    leaves, tree = jax.tree.flatten(spans)
    # Row i of every leaf is 0 but for that of leaf i.
    rows = [
        np.eye(len(leaves))[i].reshape(-1, *[1] * np.ndim(v))
        * (v * rng.standard_normal(np.shape(v)))
        for i, v in enumerate(leaves)
    ]

    @quick_jit
    def measure(point: Any, directions: Any, weight: Any) -> tuple[Any, Any, Any]:
        def along(direction: Any) -> tuple[Any, Any]:
            def shifted(step: float) -> Any:
                return case.apply(*jax.tree.map(lambda v, d: v + step * d, point, direction))

            numeric = (shifted(STEP) - shifted(-STEP)) / (2 * STEP)
            return numeric, jax.jvp(case.apply, point, direction)[1]

        _, gradients = with_gradients(case.apply)(*point, weight)
        return *jax.vmap(along)(directions), gradients

    with jax.enable_x64(True):
        weight = weights(case, rng, SHORT_TIME).astype(np.float64)
        directions = jax.tree.unflatten(tree, as_dtype(rows, jnp.float64))
        numeric, forward, gradients = measure(as_dtype(point, jnp.float64), directions, weight)
        np.testing.assert_allclose(forward, numeric, rtol=2e-4, atol=1e-6)
        for i, (row, gradient) in enumerate(zip(rows, jax.tree.leaves(gradients), strict=True)):
            reverse = np.vdot(row[i], gradient)
            np.testing.assert_allclose(reverse, np.vdot(weight, numeric[i]), rtol=2e-4, atol=1e-6)


CHECKS: dict[str, tuple[Callable[[Case, np.random.Generator], None], Callable[[Case], bool]]] = {
    "eager_equals_jit": (eager_equals_jit, lambda _: True),
    "vmap_equals_loop": (vmap_equals_loop, lambda _: True),
    "chunked_equals_whole": (chunked_equals_whole, lambda c: c.initial is not None),
    # Chunks are rematerialised, too.
    "checkpoint_changes_nothing": (checkpoint_changes_nothing, lambda c: c.initial is None),
    "is_causal": (is_causal, lambda c: c.causal),
    "channels_are_independent": (
        channels_are_independent,
        lambda c: c.independent and c.channels > 1,
    ),
    "neutral_is_identity": (neutral_is_identity, lambda c: c.neutral is not None),
    "dtype_is_kept": (dtype_is_kept, lambda _: True),
    "finite_at_the_edges": (finite_at_the_edges, lambda _: True),
    "gradient_matches_finite_differences": (gradient_matches_finite_differences, lambda _: True),
}


def verify(effect: Case, check: str) -> None:
    """Hold `effect` to one of its promises."""
    CHECKS[check][0](effect, np.random.default_rng(0))
