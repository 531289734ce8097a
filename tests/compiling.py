"""Compiling what only tests run."""

import functools

import jax

# As `jax.jit`; in tests compiling takes longer than all else: this leaves out LLVM's optimisation
# and the slower of XLA's two code generators. Where a test holds bounds on rounding, use `jax.jit`:
# that is what users run.
quick_jit = functools.partial(
    jax.jit,
    compiler_options={"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False},
)
