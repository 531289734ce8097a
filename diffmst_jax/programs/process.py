"""How a training program behaves as a process: kept compilations, quiet libraries."""

import logging
import os
import signal
import sys

import jax

from diffmst_jax.process import keep_compilations

ONLY_SHOWN = {"-h", "--help", "--hydra-help", "-c", "--cfg", "-i", "--info"}


def settle_process() -> None:
    """Let JAX keep what it compiles, and libraries raise their errors without printing them too."""
    keep_compilations()
    # JAX is imported already, so what the environment now says has to be said again.
    for option in ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"):
        value = os.environ.get(option.upper())
        if value is not None:
            jax.config.update(option, float(value) if option.endswith("secs") else value)
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    if ONLY_SHOWN & {*sys.argv[1:]} and hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it, without a traceback
