"""How near an exported session, played from nothing but its own files, is to the mix.

    python -m benchmarks.session_exactness SONG CONSOLE [--reaper SECONDS]

A `.dawproject` is played by the tests' second implementation in double precision and compared
with the mix before its limiter: as it is, with the tracks' effects printed, and with hard knees, no
lookahead and pairs in the centre in the mix too. With `--reaper`, a project of that many seconds
from the middle of the song is played through its JSFX, which takes about two seconds for a second
of one track.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, audio_info, read_audio, write_audio
from diffmst_jax.export import export_session
from diffmst_jax.mixing.console.file import load_console
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.output import finish
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.sources.tracks import read_strips
from tests.export.consoles import with_centred_pairs, without_knees
from tests.export.test_dawproject import sum_of, the_mix
from tests.export.test_reaper import EDGE_S, Player


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("console", type=Path)
    parser.add_argument("--reaper", type=float, metavar="SECONDS")
    options = parser.parse_args()
    settings = load_console(options.console)
    with tempfile.TemporaryDirectory() as folder:
        for name, played, mix in results(options.song, settings, Path(folder), options.reaper):
            error = played - mix
            largest = np.max(np.abs(error)) / np.max(np.abs(mix))
            rms_db = 10 * np.log10(np.mean(error**2) / np.mean(mix**2))
            print(f"{name:52} largest error {largest:.1e}, RMS {rms_db:.0f} dB")


def results(
    song: Path, settings: MixSettings, folder: Path, seconds: float | None
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    multitrack = read_strips(song, settings.strips)
    at_once = replace(settings.config, track_lookahead_ms=0.0, master_lookahead_ms=0.0)
    comparable = replace(without_knees(with_centred_pairs(settings)), config=at_once)
    cases = (
        ("as it is", settings, False),
        ("effects printed", settings, True),
        ("hard knees, pairs centred, no lookahead", comparable, False),
    )
    for name, console, print_effects in cases:
        path = folder / "a.dawproject"
        export_session(song, console, path, print_effects=print_effects)
        mix = the_mix(console, multitrack)
        yield f"dawproject, {name}", sum_of(path, mix.shape[1]), mix
    if seconds is None:
        return
    part = excerpt(song, settings, folder / "song", seconds)
    export_session(part, settings, folder / "a.rpp")
    rendered = render(settings, read_strips(part, settings.strips))
    finished = finish(rendered.mix, settings.target)
    played = Player(folder / "a.rpp").play(finished.audio.shape[1])
    inside = slice(round(EDGE_S * SAMPLE_RATE), -round(EDGE_S * SAMPLE_RATE))
    name = f"reaper, limited by {finished.level.limiting_db:.1f} dB"
    yield name, played[:, inside], finished.audio[:, inside]


def excerpt(song: Path, settings: MixSettings, folder: Path, seconds: float) -> Path:
    for name in sorted({strip.file for strip in settings.strips}):
        start_s = max(0.0, (audio_info(song / name).duration_s - seconds) / 2)
        audio = read_audio(song / name, start_s=start_s, duration_s=seconds)
        write_audio(folder / f"{name}", audio, sample_rate=SAMPLE_RATE)
    return folder


if __name__ == "__main__":
    main()
