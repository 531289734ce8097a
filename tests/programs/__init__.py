"""Tests of what train.py and evaluate.py share."""
