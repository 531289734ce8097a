"""Strictness and compile-time settings shared by every test."""

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_platforms", "cpu")


@pytest.fixture
def float64():
    """Compute in double precision inside one test, for finite differences and references."""
    with jax.enable_x64(True):
        yield
