"""Differentiable mixing style transfer in JAX."""
