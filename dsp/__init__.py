"""Differentiable audio effects as pure JAX functions."""
