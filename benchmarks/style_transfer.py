"""How near a model's mixes come to their references, on every song with every reference.

    python benchmarks/style_transfer.py SONGS REFERENCES [--model compact] [--same-section]

SONGS holds one subfolder of tracks per song, REFERENCES finished mixes. Settings are estimated on
the first half of song and reference; what they do is scored on (up to) ten seconds of the other
halves, mix and reference both at -16 LUFS, by the audio-feature loss and each of its terms. What
has no sound in the first half takes no part. Printed: mean and largest loss per term, the same
for two halves of one reference (no mix can be expected to do better), the worst pairs, and how
the settings are spread over their ranges.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE, audio_files
from diffmst_jax.losses import AudioFeatureLoss, StyleFeatures, style_distance, style_features
from diffmst_jax.mixing.analyse import predicted_settings
from diffmst_jax.mixing.comparing.baselines import equal_loudness_mix, plain_sum
from diffmst_jax.mixing.console.settings import MixSettings, Provenance
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.rendering.reduction import master_reduction_db
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.signals.measure import factor, integrated_loudness, weighted_step_powers
from diffmst_jax.mixing.sources.reference import read_reference
from diffmst_jax.mixing.sources.tracks import Channels, Multitrack, assemble, is_silent, load_tracks
from diffmst_jax.models import REFERENCE_LUFS, Model, load_model

SECTION_S = 10.0
LIMITS = 0.01  # of a control's range: nearer to an end it counts as pinned
BURIED_DB = -30.0  # a strip this far below the loudest one


class Halves(NamedTuple):
    """A song or a mix, cut in two."""

    name: str
    first: Multitrack | np.ndarray
    second: Multitrack | np.ndarray


class Scored(NamedTuple):
    """One song in the style of one reference."""

    song: str
    reference: str
    loss: AudioFeatureLoss
    settings: MixSettings
    strip_db: np.ndarray
    master_db: float
    features: tuple[StyleFeatures, StyleFeatures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("references", type=Path)
    parser.add_argument("--model", default="compact", help="a name or a folder")
    parser.add_argument("--only", nargs="*", default=[], help="names of songs; all if none")
    parser.add_argument("--same-section", action="store_true", help="score what was estimated on")
    parser.add_argument("--json", type=Path, help="also write every pair's terms there")
    options = parser.parse_args()
    model = load_model(options.model)
    folders = sorted(path for path in options.songs.iterdir() if path.is_dir())
    chosen = [path for path in folders if not options.only or path.name in options.only]
    songs = [song_halves(path) for path in chosen]
    references = [reference_halves(path) for path in audio_files(options.references)]
    pairs = list(score(model, songs, references, same_section=options.same_section))
    print(report(pairs, songs, references))
    if options.json:
        rows = [
            {"song": p.song, "reference": p.reference, **jax.tree.map(float, p.loss._asdict())}
            for p in pairs
        ]
        options.json.write_text(json.dumps(rows, indent=1))


def song_halves(folder: Path) -> Halves:
    """Cut a song in two; strips that are silent in the first half are left out of both."""
    song = load_tracks(folder)
    middle = song.audio.shape[1] // 2
    end = min(2 * middle, middle + round(SECTION_S * SAMPLE_RATE))
    used = []
    for index, strip in enumerate(song.strips):
        audio = song.audio[song.strip_of_track == index]
        powers = [_steps(channel[None, :middle]) for channel in audio]
        heard = [not is_silent(c[:middle], p) for c, p in zip(audio, powers, strict=True)]
        if all(heard):
            used.append(Channels(strip, audio[:, :end], np.stack(powers)))
    whole = assemble(used)
    parts = (replace(whole, audio=whole.audio[:, part]) for part in _parts(middle, end))
    return Halves(folder.name, *parts)


def reference_halves(path: Path) -> Halves:
    """Cut a finished mix in two."""
    mix = read_reference(path)
    middle = mix.shape[1] // 2
    end = min(2 * middle, middle + round(SECTION_S * SAMPLE_RATE))
    return Halves(path.stem, *(mix[:, part] for part in _parts(middle, end)))


def score(
    model: Model, songs: list[Halves], references: list[Halves], *, same_section: bool = False
) -> Iterator[Scored]:
    """Mix every song like every reference."""
    for song in songs:
        for reference in references:
            settings = predicted_settings(
                model,
                song.first,
                reference.first,
                target=OutputTarget(),
                provenance=Provenance(),
            )
            tracks, target = (
                (song.first, reference.first) if same_section else (song.second, reference.second)
            )
            rendered = render(settings, tracks)
            both = measure(rendered.mix), measure(target)
            loss = jax.tree.map(float, style_distance(*both))
            levels = 10 * np.log10(np.maximum(rendered.strip_powers, 1e-20))
            master_db = float(np.min(master_reduction_db(settings, song.first, 0)))
            yield Scored(song.name, reference.name, loss, settings, levels, master_db, both)


def measure(mix: np.ndarray) -> StyleFeatures:
    """Style features of (up to) ten seconds at -16 LUFS."""
    section = mix[:, : round(SECTION_S * SAMPLE_RATE)]
    loudness = integrated_loudness(section, sample_rate=SAMPLE_RATE)
    level = factor(REFERENCE_LUFS - loudness) if np.isfinite(loudness) else 1.0
    return jax.tree.map(np.asarray, _features((section * level).astype(np.float32)))


def report(pairs: list[Scored], songs: list[Halves], references: list[Halves]) -> str:
    """Everything in words and tables."""
    lines = ["", f"{len(songs)} songs x {len(references)} references", "", _terms_header()]
    lines += [_terms("model, mean", [p.loss for p in pairs], np.mean)]
    lines += [_terms("model, largest", [p.loss for p in pairs], np.max)]
    for name, baseline in (("plain sum", plain_sum), ("equal loudness", equal_loudness_mix)):
        lines += [_terms(f"{name}, mean", list(_baseline(baseline, songs, references)), np.mean)]
    own = [style_distance(measure(r.first), measure(r.second)) for r in references]
    lines += [_terms("own other half", own, np.mean), "", "Mean per song and per reference:"]
    for part in ("song", "reference"):
        for name in dict.fromkeys(getattr(p, part) for p in pairs):
            losses = [p.loss for p in pairs if getattr(p, part) == name]
            lines.append(_terms(name, losses, np.mean))
    worst = sorted(pairs, key=lambda p: -p.loss.total)[:5]
    lines += [
        "",
        "The worst pairs:",
        *(_terms(f"{p.song}/{p.reference}", [p.loss], np.max) for p in worst),
    ]
    totals = np.array([p.loss.total for p in pairs])
    shares = np.quantile(totals, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
    lines += ["", "Quantiles 0 10 25 50 75 90 100 %: " + " ".join(f"{q:.4f}" for q in shares)]
    return "\n".join([*lines, "", *_settings(pairs)])


def _baseline(mix, songs, references) -> Iterator[AudioFeatureLoss]:
    targets = [measure(reference.second) for reference in references]
    for song in songs:
        features = measure(mix(song.second))
        yield from (style_distance(features, target) for target in targets)


def _terms_header() -> str:
    return f"{'':24s}" + "".join(f"{name.split('_')[-1]:>11s}" for name in AudioFeatureLoss._fields)


def _terms(name: str, losses: list[AudioFeatureLoss], of) -> str:
    values = [
        of([float(getattr(loss, field)) for loss in losses]) for field in AudioFeatureLoss._fields
    ]
    return f"{name:24s}" + "".join(f"{value:11.4f}" for value in values)


def _settings(pairs: list[Scored]) -> list[str]:
    """Spread of the gains, controls at their ends, boosts that stack, and strips nobody hears."""
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    lines = ["Settings: quantiles 0 5 25 50 75 95 100 %, share within 1 % of an end"]
    for part in ("tracks", "master_bus"):
        values = [getattr(p.settings.params, part) for p in pairs]
        for name, leaf, range_ in _leaves(values, getattr(ranges, part)):
            place = (leaf - range_.low) / (range_.high - range_.low)
            pinned = float(np.mean((place < LIMITS) | (place > 1 - LIMITS)))
            spread = np.quantile(leaf, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
            lines.append(
                f"{part}.{name:28s}" + "".join(f"{v:10.2f}" for v in spread) + f"{pinned:9.3f}"
            )
    buried = np.mean([np.mean(p.strip_db < p.strip_db.max() + BURIED_DB) for p in pairs])
    stacked = [
        np.max(np.abs(np.sum(p.settings.params.tracks.equalizer.gain_db, -1))) for p in pairs
    ]
    lines.append(f"strips more than {-BURIED_DB:.0f} dB below the loudest: {buried:.3f}")
    taken = np.quantile([-p.master_db for p in pairs], [0, 0.25, 0.5, 0.75, 1])
    quantiles = " ".join(f"{value:.1f}" for value in taken)
    lines.append(f"the master's gain reduction at most, 0 25 50 75 100 % of mixes, dB: {quantiles}")
    lines.append(f"largest sum of one strip's equalizer gains: {max(stacked):.1f} dB")
    return lines


def _leaves(values, ranges):
    for name, range_ in ranges._asdict().items():
        parts = [getattr(v, name) for v in values]
        if hasattr(range_, "low"):
            shape = np.shape(range_.low)
            yield name, np.concatenate([np.reshape(p, (-1, *shape)) for p in parts]), range_
        else:
            yield from ((f"{name}.{n}", leaf, r) for n, leaf, r in _leaves(parts, range_))


def _steps(audio: np.ndarray) -> np.ndarray:
    return weighted_step_powers(audio, sample_rate=SAMPLE_RATE)


def _parts(middle: int, end: int) -> tuple[slice, slice]:
    return slice(0, middle), slice(middle, end)


_features = jax.jit(partial(style_features, sample_rate=SAMPLE_RATE))

if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"{time.perf_counter() - start:.0f} s")
