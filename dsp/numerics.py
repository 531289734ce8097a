"""Numerically safe elementary functions, and the constants that make them so.

Audio spends time at exactly zero, where logarithms and square roots have no value or no slope.
The functions here are finite there, in value and in gradient, and say what they return.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

# Levels below this are the same silence: -120 dB re full scale.
MIN_AMPLITUDE = 1e-6
MIN_POWER = MIN_AMPLITUDE**2

_LN10_OVER_20 = 0.11512925464970229
_DB_PER_NEPER = 0.5 / _LN10_OVER_20  # of power: 10 / ln 10

# Tensor cores would round the inputs of a product to 10 bits of mantissa; a filter needs all 24.
EXACT = lax.Precision.HIGHEST


def db_to_gain(db: ArrayLike) -> jax.Array:
    """Amplitude ratio of a level difference in dB: `10 ** (db / 20)`."""
    return jnp.exp(jnp.asarray(db) * _LN10_OVER_20)


def gain_to_db(gain: ArrayLike) -> jax.Array:
    """Level in dB of an amplitude ratio, `20 log10 |gain|`, at least -120 dB.

    Below `MIN_AMPLITUDE` the value is constant and the gradient exactly zero.
    """
    return power_to_db(jnp.square(gain))


@jax.custom_jvp
def power_to_db(power: ArrayLike) -> jax.Array:
    """Level in dB of a power ratio, `10 log10 power`, at least -120 dB; gradient zero below."""
    # (10 / ln 10) ln p: one transcendental function, vectorised on every backend.
    return _DB_PER_NEPER * jnp.log(jnp.maximum(power, MIN_POWER))


@power_to_db.defjvp
def _power_to_db_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    # Written out so that reverse mode keeps one array, not every step of the formula.
    (power,), (power_dot,) = primals, tangents
    slope = jnp.where(power > MIN_POWER, _DB_PER_NEPER / jnp.maximum(power, MIN_POWER), 0)
    return power_to_db(power), slope * power_dot


def matmul(a: ArrayLike, b: ArrayLike) -> jax.Array:
    """Matrix product in the full precision of its inputs on every backend."""
    return jnp.matmul(a, b, precision=EXACT)


def materialize(x: jax.Array) -> jax.Array:
    """Have `x` computed once and stored, where a compiler would compute it again for each use.

    XLA for CPU fuses what a sum over time is made of into the sum, and pays for every constant in
    it with an array as long as the signal.
    """
    return lax.optimization_barrier(x)


def sequential_backend() -> bool:
    """Whether a loop over time beats a parallel scan on the default backend.

    A step of `lax.scan` costs nanoseconds on a CPU and microseconds, whatever is in it, on a GPU
    or TPU.
    """
    return jax.default_backend() == "cpu"
