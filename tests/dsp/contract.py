"""One executable contract that every effect passes.

A `Case` says how to call an effect; `CHECKS` are the promises. A promise that an effect does not
make (a limiter is not causal to its lookahead, a compressor links its channels) is a field of its
case, never a looser bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

SAMPLE_RATE = 44100
TIME = 600


@dataclass(frozen=True)
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
        smooth: whether finite differences exist at random settings (no kinks there).
        tolerance: error allowed between two ways of computing the same, relative to the output.
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
    smooth: bool = True
    tolerance: float = 5e-6

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


def as_dtype(tree: Any, dtype: Any) -> Any:
    """Cast every leaf of settings."""
    return jax.tree.map(lambda v: jnp.asarray(v, dtype), tree)


def music(rng: np.random.Generator, channels: int, time: int = TIME) -> np.ndarray:
    """Noise whose level rises and falls, within full scale."""
    envelope = 0.05 + 0.9 * np.abs(np.sin(np.linspace(0, 7, time)))
    return (envelope * rng.uniform(-1, 1, (channels, time))).astype(np.float32)


def assert_close(actual: Any, wanted: Any, tolerance: float) -> None:
    """Compare two trees; the error is relative to the largest wanted value, or to 1 below it."""
    for a, w in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        if not np.size(w):
            continue
        scale = max(1.0, float(np.max(np.abs(w))))
        np.testing.assert_allclose(np.asarray(a) / scale, np.asarray(w) / scale, 0, tolerance)


def assert_finite(tree: Any) -> None:
    for leaf in jax.tree.leaves(tree):
        assert np.isfinite(leaf).all()


def eager_equals_jit(case: Case, rng: np.random.Generator) -> None:
    x, params = music(rng, case.channels), as_dtype(case.draw(rng), jnp.float32)
    assert_close(jax.jit(case.apply)(x, params), case.apply(x, params), case.tolerance)


def vmap_equals_loop(case: Case, rng: np.random.Generator) -> None:
    x = np.stack([music(rng, case.channels) for _ in range(3)])
    draws = [as_dtype(case.draw(rng), jnp.float32) for _ in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)
    one = jax.jit(case.apply)
    loop = jnp.stack([one(signal, params) for signal, params in zip(x, draws, strict=True)])
    assert_close(jax.jit(jax.vmap(case.apply))(x, stacked), loop, case.tolerance)


def run_chunks(case: Case, x: jax.Array, params: Any, size: int) -> jax.Array:
    """The effect applied chunk by chunk, carrying its state."""
    assert case.initial is not None
    step, parts, state = jax.jit(case.apply), [], case.initial(x)
    for start in range(0, x.shape[1], size):
        y, state = step(x[:, start : start + size], params, state)
        parts.append(y)
    return jnp.concatenate(parts, axis=1)


def chunked_equals_whole(case: Case, rng: np.random.Generator) -> None:
    params = as_dtype(case.draw(rng), jnp.float32)
    for size, time in ((1, 40), (7, 301), (4093, 9000)):
        x = jnp.asarray(music(rng, case.channels, time))
        whole = jax.jit(case.apply)(x, params)
        assert_close(run_chunks(case, x, params, size), whole, case.tolerance)


def chunked_gradient_equals_whole(case: Case, rng: np.random.Generator) -> None:
    params = as_dtype(case.draw(rng), jnp.float32)
    x = jnp.asarray(music(rng, case.channels, 100))
    shape = jax.eval_shape(case.apply, x, params).shape
    weight = rng.standard_normal(shape).astype(np.float32)

    def chunks(x: jax.Array, params: Any) -> jax.Array:
        return jnp.sum(weight * run_chunks(case, x, params, 50))

    def whole(x: jax.Array, params: Any) -> jax.Array:
        return jnp.sum(weight * case.apply(x, params))

    actual, wanted = (jax.jit(jax.grad(f, argnums=(0, 1)))(x, params) for f in (chunks, whole))
    assert_close(actual, wanted, 10 * case.tolerance)


def is_causal(case: Case, rng: np.random.Generator) -> None:
    params = as_dtype(case.draw(rng), jnp.float32)
    x, cut = music(rng, case.channels), TIME // 2
    changed = x.copy()
    changed[:, cut:] = music(rng, case.channels)[:, cut:]
    f = jax.jit(case.apply)
    assert_close(f(x, params)[..., :cut], f(changed, params)[..., :cut], case.tolerance)


def channels_are_independent(case: Case, rng: np.random.Generator) -> None:
    params = as_dtype(case.draw(rng), jnp.float32)
    x = music(rng, case.channels)
    changed = x.copy()
    changed[1:] = music(rng, case.channels)[1:]
    f = jax.jit(case.apply)
    assert_close(f(x, params)[0], f(changed, params)[0], case.tolerance)


def neutral_is_identity(case: Case, rng: np.random.Generator) -> None:
    x = music(rng, case.channels)
    assert_close(case.apply(x, as_dtype(case.neutral, jnp.float32)), x, case.tolerance)


def dtype_is_kept(case: Case, rng: np.random.Generator) -> None:
    x, params = music(rng, case.channels), case.draw(rng)
    assert case.apply(x, as_dtype(params, jnp.float32)).dtype == jnp.float32
    with jax.enable_x64(True):
        x64 = jnp.asarray(x, jnp.float64)
        assert case.apply(x64, as_dtype(params, jnp.float64)).dtype == jnp.float64


def finite_at_the_edges(case: Case, rng: np.random.Generator) -> None:
    """Values and gradients at silence, full scale and the corners of every range."""

    def loss(x: jax.Array, params: Any) -> jax.Array:
        return jnp.sum(case.apply(x, params) ** 2)

    f = jax.jit(lambda x, params: (case.apply(x, params), jax.grad(loss, (0, 1))(x, params)))
    signals = [
        np.zeros((case.channels, TIME), np.float32),
        np.sign(music(rng, case.channels)),
        np.ones((case.channels, TIME), np.float32),
    ]
    for corner in case.corners(rng):
        for x in signals:
            assert_finite(f(x, as_dtype(corner, jnp.float32)))


def gradient_matches_finite_differences(case: Case, rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(music(rng, case.channels, 120), jnp.float64)
        params = as_dtype(case.draw(rng), jnp.float64)
        f = jax.jit(case.apply)
        check_grads(f, (x, params), order=1, modes=("fwd", "rev"), eps=1e-6, rtol=2e-4, atol=1e-6)


CHECKS: dict[str, tuple[Callable[[Case, np.random.Generator], None], Callable[[Case], bool]]] = {
    "eager_equals_jit": (eager_equals_jit, lambda _: True),
    "vmap_equals_loop": (vmap_equals_loop, lambda _: True),
    "chunked_equals_whole": (chunked_equals_whole, lambda c: c.initial is not None),
    "chunked_gradient_equals_whole": (
        chunked_gradient_equals_whole,
        lambda c: c.initial is not None,
    ),
    "is_causal": (is_causal, lambda c: c.causal),
    "channels_are_independent": (
        channels_are_independent,
        lambda c: c.independent and c.channels > 1,
    ),
    "neutral_is_identity": (neutral_is_identity, lambda c: c.neutral is not None),
    "dtype_is_kept": (dtype_is_kept, lambda _: True),
    "finite_at_the_edges": (finite_at_the_edges, lambda _: True),
    "gradient_matches_finite_differences": (
        gradient_matches_finite_differences,
        lambda c: c.smooth,
    ),
}
