"""Evaluation: systems that mix, examples they all share, metrics, and tables.

config      the settings of an evaluation, typed
manifest    which sections are compared, drawn by seed and stored
systems     plain sum, equal loudness, models
metrics     the audio-feature loss term by term, loudness, peaks
summary     means with confidence intervals; CSV, JSON and Markdown
"""
