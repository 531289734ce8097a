"""Compiling for a CPU: what runs long, and what takes long to compile."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

WIDE: dict[str, Any] = {"xla_cpu_prefer_vector_width": 512}
"""As many samples at once as the processor has room for; by itself XLA takes half of AVX-512."""

QUICKLY_COMPILED: dict[str, Any] = {
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 1,
}


def wide_jit(function: Callable[..., Any], *, static: tuple[str, ...] = ()) -> Callable[..., Any]:
    """`jax.jit` for what runs over whole songs.

    Eight channel strips took 10.2 ns of processor time a sample instead of 12.4 ns (2 cores, Intel
    Xeon with AVX-512). What `QUICKLY_COMPILED` leaves out would make that 21 ns.

    Args:
        function: to compile.
        static: names of arguments that are part of the program.
    """
    return _with_options(function, static, WIDE)


def loop_jit(function: Callable[..., Any], *, static: tuple[str, ...] = ()) -> Callable[..., Any]:
    """`jax.jit` without what takes most of the compiling on a CPU.

    On the loops of filters and compressors LLVM's expensive passes and the slower of XLA's two
    code generators gain nothing: a step of refinement on 16 tracks was compiled in 8 s instead of
    17 s and took 0.27 s either way (2 cores, Intel Xeon).

    Args:
        function: to compile.
        static: names of arguments that are part of the program.
    """
    return _with_options(function, static, QUICKLY_COMPILED)


def _with_options(
    function: Callable[..., Any], static: tuple[str, ...], options: dict[str, Any]
) -> Callable[..., Any]:
    @cache
    def compiled() -> Callable[..., Any]:
        # Not before the first call: asking for the backend starts it.
        is_cpu = jax.default_backend() == "cpu"
        return jax.jit(
            function, static_argnames=static, compiler_options=options if is_cpu else None
        )

    def call(*args: Any, **kwargs: Any) -> Any:
        return compiled()(*args, **kwargs)

    return call
