"""Tests of `dsp` and `diffmst_jax`."""
