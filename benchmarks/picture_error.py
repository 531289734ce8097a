"""How far the picture in which mixes are solved is from what the same mixes measure.

    python benchmarks/picture_error.py SONG_FOLDER ... [--mixes 12] [--seconds 12]

Songs are mixed at random levels and positions, without equalizers and dynamics. What the picture
errs by in all mixes of a song alike is left out, for listening puts it right.
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.sources.tracks import load_tracks
from diffmst_jax.models import TRACK_LUFS, CompactConfig
from diffmst_jax.models.compact.picture import NEPERS_PER_DB, Heard, Mix, paired, picture
from diffmst_jax.models.compact.spectra import analyse
from diffmst_jax.models.compact.starting_point import with_mix
from diffmst_jax.models.compact.style_spectrum import measured_style, style_spectrum

GAIN_DB, GAIN_SPREAD_DB, PAN_SPREAD = 24.0, 8.0, 0.2
DRY = dsp.ConsoleConfig(track_equalizer=False, track_compressor=False, master_bus=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("songs", type=Path, nargs="+", help="folders of tracks")
    parser.add_argument("--mixes", type=int, default=12, help="random mixes of each song")
    parser.add_argument("--seconds", type=float, default=12.0, help="of the start of each song")
    options = parser.parse_args()
    squares = []
    for song in options.songs:
        error_db = _errors_db(song, options.mixes, round(options.seconds * SAMPLE_RATE))
        squares.append(np.mean(np.square(error_db)))
        print(f"{song.name:24s} {np.sqrt(squares[-1]):.2f} dB", flush=True)
    print(f"{'all':24s} {np.sqrt(np.mean(squares)):.2f} dB")


def _errors_db(folder: Path, mixes: int, length: int) -> np.ndarray:
    """What the picture says of mid and side in each band less what is measured."""
    song = load_tracks(folder)
    level_db = TRACK_LUFS - song.loudness_lufs[song.strip_of_track]
    x = jnp.asarray(song.audio[:, :length] * 10.0 ** (level_db[:, None] / 20.0), jnp.float32)
    side = song.side_of_track if song.side_of_track is not None else np.zeros(len(x), int)
    known, rng = _hear(x, jnp.asarray(side)), np.random.default_rng(0)
    errors = []
    for _ in range(mixes):
        gain_db = rng.normal(GAIN_DB, GAIN_SPREAD_DB, len(x))
        pan = np.clip(rng.normal(0.5, PAN_SPREAD, len(x)), 0.0, 1.0)
        said, measured = _compare(x, known, jnp.asarray(gain_db), jnp.asarray(pan))
        errors.append((said - measured) / NEPERS_PER_DB)
    return np.asarray(errors) - np.mean(errors, axis=0)


@jax.jit
def _hear(x: jax.Array, side: jax.Array) -> Heard:
    found = analyse(x, CompactConfig(), sample_rate=SAMPLE_RATE)
    spectrum = style_spectrum(x[None], sample_rate=SAMPLE_RATE)[0]
    return Heard(found.energy, spectrum, found.hz, found.lowest, jnp.ones(len(x), bool), side)


@jax.jit
def _compare(
    x: jax.Array, known: Heard, gain_db: jax.Array, pan: jax.Array
) -> tuple[jax.Array, jax.Array]:
    flat = dsp.neutral_console(len(x), sample_rate=SAMPLE_RATE)
    mix = Mix(gain_db, pan, flat.tracks.equalizer, flat.master_bus.equalizer)
    mix = paired(mix, known.side)
    console = partial(dsp.mix_console, config=DRY, sample_rate=SAMPLE_RATE)
    heard = console(x, with_mix(flat, mix, known.side)).mix
    measured = measured_style(heard, sample_rate=SAMPLE_RATE).bark_spectrum.T
    return picture(known, mix, SAMPLE_RATE).spectrum, measured


if __name__ == "__main__":
    main()
