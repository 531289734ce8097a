"""Synthetic multitrack songs with finished mixes, the same for the same seed.

plan         tempo, key, form and chords
parts        what bass, chord, arpeggio and melody players play
filters      what equalizers and rooms need
tones        pitched voices
drums        the kit and its microphones
instruments  the cast, as data
raw          the multitrack as recorded
tastes       what engineers of each style tend towards, as data
engineer     the finished mix
corpus       whole songs and folders of them
"""

from diffmst_jax.data.synthesis.corpus import (
    SyntheticSong,
    check_sizes,
    synthesize_corpus,
    synthesize_song,
)

__all__ = ["SyntheticSong", "check_sizes", "synthesize_corpus", "synthesize_song"]
