"""Tests of dsp."""
