"""Tests of sessions for workstations."""
