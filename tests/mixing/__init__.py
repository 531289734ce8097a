"""Tests of mixing."""
