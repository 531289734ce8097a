"""Data: songs on disk, synthetic songs, and batches of training examples.

records     Song and Track
sources     FolderSource, ReferenceSource, read_window
index       EnergyIndex: where each file has sound
examples    Example: one window of tracks and a reference, at fixed levels
pipeline    make_pool, batches, fixed_examples
corpora     find_corpora: the songs and references that settings name
check       check_corpus: what is wrong with a folder of songs
stream      SongStream: synthetic songs made when they are needed
synthesis   synthesize_song, synthesize_corpus
"""

from diffmst_jax.data.examples import Example, WindowConfig
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import FolderSource, ReferenceSource

__all__ = ["Example", "FolderSource", "ReferenceSource", "Song", "Track", "WindowConfig"]
