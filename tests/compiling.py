"""Compiling what only tests run."""

import functools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest import mock

import jax

from diffmst_jax.mixing.rendering.compiling import QUICKLY_COMPILED

# In tests compiling takes longer than all else: this leaves out LLVM's optimisation and the slower
# of XLA's two code generators.
OPTIONS: dict[str, int | bool] = {"xla_backend_optimization_level": 0}
if os.environ.get("JAX_PLATFORMS", "cpu") == "cpu":  # others do not know it
    OPTIONS["xla_cpu_use_fusion_emitters"] = False


def _flags(options: dict[str, int | bool]) -> str:
    """Compiler options as XLA_FLAGS, for programs that tests start."""
    return " ".join(f"--{name}={str(value).lower()}" for name, value in options.items())


FLAGS = _flags(OPTIONS)
# For those that run longer than they compile: audio through filters, many times over.
LOOP_FLAGS = _flags(QUICKLY_COMPILED)

# As `jax.jit`. Where a test holds bounds on rounding, use `jax.jit`: that is what users run.
quick_jit = functools.partial(jax.jit, compiler_options=OPTIONS)


def quickly() -> AbstractContextManager[object]:
    """Within, what the product jits compiles quickly, unless it was jitted on import."""
    return mock.patch.object(jax, "jit", quick_jit)


@contextmanager
def quick_operations() -> Iterator[None]:
    """Within, what is called without any `jax.jit` compiles each of its operations quickly."""
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", False)
