"""Gradient descent on the settings of one song."""
