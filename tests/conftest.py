"""Strictness and compile-time settings shared by every test."""

import os
import shutil
import tempfile

import jax
import pytest

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
KEPT_FROM_S = 0.3

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_platforms", "cpu")


def pytest_configure(config):
    """Compile what is the same in several tests, workers and programs once in a session."""
    if CACHE_VARIABLE not in os.environ:
        config.compiled = os.environ[CACHE_VARIABLE] = tempfile.mkdtemp(prefix="compiled-")
    jax.config.update("jax_compilation_cache_dir", os.environ[CACHE_VARIABLE])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", KEPT_FROM_S)


def pytest_unconfigure(config):
    if hasattr(config, "compiled"):
        shutil.rmtree(config.compiled, ignore_errors=True)


@pytest.fixture
def float64():
    """Compute in double precision inside one test, for finite differences and references."""
    with jax.enable_x64(True):
        yield
