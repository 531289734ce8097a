"""What changed between two mixes of one song, in words, what is heard most first."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.mixing.console.meanings import CONSOLE, VALUES
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.report.charts import MINUS, plain, signed
from diffmst_jax.mixing.report.equalizer_curve import EQUALIZER_HZ, IS_PLAIN, equalizer_curve
from diffmst_jax.mixing.report.words import (
    AUDIBLE_RATIO,
    band_words,
    compressor_words,
    hertz,
    pan_words,
)
from diffmst_jax.mixing.sources.strips import Strip, strip_names
from dsp.equalizer import CONSOLE_BANDS
from dsp.side_chain import soft_ramp

HEARD_DB = 0.25
"""Changes that count less are hardly heard."""

APPEARS_DB = 60.0
"""What it counts when a track comes or goes."""

MOST_BANDS = 2
"""Where more bands than these changed, what is heard of all of them is told instead."""

SIDE_DB = 12.0
"""What it counts when a track moves from the centre to a side, twice."""

LEVELS_DB = np.arange(-60.0, 1.0, 1.0)
"""At which compressors are compared."""

OCTAVE_OF_TIME_DB = 0.3
"""What it counts when a compressor becomes twice as fast."""

DECIMALS = 4
"""Levels that are alike to so many decimals are the same."""

BAND_VALUES = (("gain", " dB", 1), ("frequency", " Hz", 0), ("Q", "", 2))
"""What a band is set by: name, unit, and decimals if so many tell two values apart."""

MOST_DIGITS = 9


class Difference(NamedTuple):
    """One thing that changed.

    Attributes:
        weight_db: how much it changes what is heard, about in dB.
        text: the sentence.
    """

    weight_db: float
    text: str

    @property
    def is_heard(self) -> bool:
        """Whether it is large enough to notice."""
        return self.weight_db >= HEARD_DB


def differences(before: MixSettings, after: MixSettings) -> list[Difference]:
    """Compare two mixes, tracks by file name and channels.

    Returns:
        What changed, what is heard most first, then in the order of the files; empty when they
        render alike but for the faders of the master bus: what the second mix mutes or its console
        does not have cannot differ. What moves all levels and thresholds as one, as amounts may,
        cannot be heard, and levels are told beside it.
    """
    thresholds = (item.params.master_bus.compressor.threshold_db for item in (after, before))
    steps_db = dict.fromkeys((0.0, round(float(next(thresholds) - next(thresholds)), DECIMALS)))
    found = [_beside(before, after, step_db) for step_db in steps_db]
    return min(found, key=lambda items: sum(item.weight_db for item in items))


def _beside(before: MixSettings, after: MixSettings, step_db: float) -> list[Difference]:
    """What changed beside a step of all levels and thresholds."""
    found = [
        *_of_presence(before, after),
        *_of_tracks(before, after, step_db),
        *_of_master(before, after, step_db),
        *_of_output(before, after),
        *_of_console(before, after),
    ]
    return sorted(found, key=lambda item: -item.weight_db)


class _Effects(NamedTuple):
    """What channel strips and the master bus have in common."""

    equalizer: dsp.EqualizerParams
    compressor: dsp.CompressorParams


def _of_presence(before: MixSettings, after: MixSettings) -> Iterator[Difference]:
    first, second = _places(before), _places(after)
    names = _names(before, after)
    for strip, place in first.items():
        if strip not in second and not before.muted[place]:
            yield Difference(APPEARS_DB, f"{names[strip]}: is no longer in the mix")
    for strip, place in second.items():
        if strip not in first and not after.muted[place]:
            yield Difference(APPEARS_DB, f"{names[strip]}: is new in the mix")


def _of_tracks(before: MixSettings, after: MixSettings, step_db: float) -> Iterator[Difference]:
    second, names = _places(after), _names(before, after)
    for strip, old in _places(before).items():
        new = second.get(strip)
        if new is None:
            continue
        name = names[strip]
        if before.muted[old] != after.muted[new]:
            how = "muted" if after.muted[new] else "no longer muted"
            yield Difference(APPEARS_DB, f"{name}: {how}")
        if after.muted[new]:
            continue
        moved = round(_level_db(after, new) - _level_db(before, old), DECIMALS)
        if heard := round(moved - step_db, DECIMALS):
            size = f"{abs(heard):.1f} dB" if round(heard, 1) else "slightly"
            louder = "louder" if heard > 0 else "quieter"
            yield Difference(abs(heard), f"{name}: {size} {louder}")
        effects = (_effects(before.strip_params(old)), _effects(after.strip_params(new)))
        parts = (after.config.track_equalizer, after.config.track_compressor)
        yield from _of_effects(name, *effects, *parts, moved)
        pans = (before.params.tracks.pan[old], after.params.tracks.pan[new])
        if pans[0] != pans[1]:
            weight = SIDE_DB * abs(float(pans[1] - pans[0]))
            words = [pan_words(float(pan)) for pan in pans]
            yield Difference(weight, f"{name}: pan from {words[0]} to {words[1]}")
        if after.config.reverb:
            sends = (before.params.tracks.send_db[old], after.params.tracks.send_db[new])
            if sends[0] != sends[1]:
                text = f"{name}: sends {_change(*sends)} to the reverb"
                yield Difference(0.3 * abs(float(sends[1] - sends[0])), text)


def _of_master(before: MixSettings, after: MixSettings, step_db: float) -> Iterator[Difference]:
    if after.config.master_bus:
        old, new = before.params.master_bus, after.params.master_bus
        yield from _of_master_faders(old, new)
        yield from _of_effects("Master bus", _effects(old), _effects(new), True, True, step_db)


def _of_effects(
    name: str,
    before: _Effects,
    after: _Effects,
    has_equalizer: bool,
    has_compressor: bool,
    moved_db: float,
) -> Iterator[Difference]:
    """Compare a strip's effects; what goes into its compressor has moved by so much."""
    if has_equalizer and _differ(before.equalizer, after.equalizer):
        change = np.asarray(equalizer_curve(after.equalizer) - equalizer_curve(before.equalizer))
        bands = list(_band_changes(before.equalizer, after.equalizer))
        words = "; ".join(bands) if len(bands) <= MOST_BANDS else _curve_change(change)
        weight = float(np.max(np.abs(change) * IS_PLAIN))
        yield Difference(weight, f"{name}: equalizer {words}")
    old, new = before.compressor, after.compressor
    threshold = round(float(new.threshold_db - old.threshold_db - moved_db), DECIMALS - 1)
    # A threshold that follows the level before it turns the same moments down by as much.
    following = new._replace(threshold_db=old.threshold_db + threshold)
    if has_compressor and _differ(old, new) and _differ(old, following):
        weight = min(_compressor_weight(old, item) for item in (new, following))
        yield Difference(weight, f"{name}: compressor {_compressor_change(old, new)}")


def _of_master_faders(before: dsp.MasterParams, after: dsp.MasterParams) -> Iterator[Difference]:
    """Compare them by what the compressor between them hears: the last gain sets the loudness."""
    faders = {
        "input": float(after.input_fader_db - before.input_fader_db),
        "output": float(after.output_fader_db - before.output_fader_db),
    }
    moves = {name: round(move, DECIMALS) for name, move in faders.items()}
    words = [_fader_words(name, move) for name, move in moves.items() if move]
    if words:
        entering = LEVELS_DB + float(before.input_fader_db)
        gains = [_gain_db(after.compressor, entering + move) for move in (0.0, moves["input"])]
        yield Difference(float(np.ptp(gains[1] - gains[0])), f"Master bus: {', '.join(words)}")


def _fader_words(name: str, moved_db: float) -> str:
    size = f"{abs(moved_db):.1f} dB" if round(moved_db, 1) else "slightly"
    return f"{name} fader {size} {'up' if moved_db > 0 else 'down'}"


def _compressor_change(before: dsp.CompressorParams, after: dsp.CompressorParams) -> str:
    old, new = compressor_words(before), compressor_words(after)
    parts = [f"from {old} to {new}"] if old != new else []
    old, new = (f"{item.knee_db:.1f} dB" for item in (before, after))
    if old != new:
        parts.append(f"knee {new} wide (was {old})")
    return ", ".join(parts) or "slightly different"


def _band_changes(before: dsp.EqualizerParams, after: dsp.EqualizerParams) -> Iterator[str]:
    bands = zip(CONSOLE_BANDS, zip(*before, strict=True), zip(*after, strict=True), strict=True)
    for kind, old, new in bands:
        if old == new:
            continue
        words = band_words(kind, new[0], new[1]), band_words(kind, old[0], old[1])
        if words[0] != words[1]:
            yield f"{words[0]} (was {words[1]})"
        else:
            yield f"{words[0]}, {', '.join(_told_apart(old, new))}"


def _told_apart(old: Sequence[float], new: Sequence[float]) -> Iterator[str]:
    """Name what of a band changed, with as many digits as it takes: `Q 5.00 (was 3.00)`."""
    for (name, unit, least), before, after in zip(BAND_VALUES, old, new, strict=True):
        if before == after:
            continue
        enough = (d for d in range(least, MOST_DIGITS) if f"{before:.{d}f}" != f"{after:.{d}f}")
        digits = next(enough, MOST_DIGITS)
        values = (f"{value:.{digits}f}{unit}".replace("-", MINUS) for value in (after, before))
        yield "{} {} (was {})".format(name, *values)


def _curve_change(change_db: np.ndarray) -> str:
    """Say where a response rose and fell most: `3.1 dB more at 60 Hz, 5.2 dB less at 9.8 kHz`."""
    audible = change_db * IS_PLAIN
    places = ((int(np.argmax(audible)), "more"), (int(np.argmin(audible)), "less"))
    parts = [
        f"{abs(audible[place]):.1f} dB {how} at {hertz(float(EQUALIZER_HZ[place]))}"
        for place, how in sorted(places, key=lambda item: -abs(audible[item[0]]))
        if abs(audible[place]) >= HEARD_DB
    ]
    return ", ".join(parts) or "slightly different"


def _compressor_weight(before: dsp.CompressorParams, after: dsp.CompressorParams) -> float:
    """Largest difference of the static curves, and some for the times of those that work."""
    weight = float(np.max(np.abs(_gain_db(after, LEVELS_DB) - _gain_db(before, LEVELS_DB))))
    if max(before.ratio, after.ratio) > AUDIBLE_RATIO:
        times = ((before.attack_ms, after.attack_ms), (before.release_ms, after.release_ms))
        weight += OCTAVE_OF_TIME_DB * float(sum(abs(np.log2(new / old)) for old, new in times))
    return weight


def _gain_db(settings: dsp.CompressorParams, levels_db: np.ndarray) -> np.ndarray:
    """Static curve of a compressor, makeup gain included."""
    excess = np.asarray(soft_ramp(levels_db - settings.threshold_db, settings.knee_db))
    return settings.makeup_gain_db - (1.0 - 1.0 / settings.ratio) * excess


def _of_output(before: MixSettings, after: MixSettings) -> Iterator[Difference]:
    old, new = before.target, after.target
    if old.loudness_lufs != new.loudness_lufs:
        text = f"Output: loudness {_change(old.loudness_lufs, new.loudness_lufs, 'LUFS')}"
        yield Difference(abs(new.loudness_lufs - old.loudness_lufs), text)
    if old.ceiling_dbtp != new.ceiling_dbtp:
        text = f"Output: ceiling {_change(old.ceiling_dbtp, new.ceiling_dbtp, 'dBTP')}"
        yield Difference(abs(new.ceiling_dbtp - old.ceiling_dbtp), text)


def _of_console(before: MixSettings, after: MixSettings) -> Iterator[Difference]:
    """Say which parts of the console are others, and whether its reverb is."""
    for item in fields(dsp.ConsoleConfig):
        old, new = getattr(before.config, item.name), getattr(after.config, item.name)
        if old != new:
            weight = APPEARS_DB if isinstance(old, bool) else 1.0
            name = CONSOLE[item.name]
            yield Difference(weight, f"Console: {name} {_value(new)} (was {_value(old)})")
    if after.config.reverb and _differ(before.params.fx_bus, after.params.fx_bus):
        old, new = before.params.fx_bus.reverb, after.params.fx_bus.reverb
        largest = max(float(np.max(np.abs(b - a))) for a, b in zip(old, new, strict=True))
        yield Difference(6.0 * largest, "Effects bus: reverb sounds different")


def _places(settings: MixSettings) -> dict[Strip, int]:
    return {strip: index for index, strip in enumerate(settings.strips)}


def _names(before: MixSettings, after: MixSettings) -> dict[Strip, str]:
    strips = list(dict.fromkeys([*before.strips, *after.strips]))
    names = strip_names(strips)
    often = Counter(names)
    return {
        strip: name if often[name] == 1 else f"{name}, {_channel_words(strip)}"
        for strip, name in zip(strips, names, strict=True)
    }


def _channel_words(strip: Strip) -> str:
    """Tell strips of one file apart: it may be a pair in one mix and mono in another."""
    plural = "s" if strip.is_pair else ""
    return f"channel{plural} {' and '.join(str(channel) for channel in strip.channels)}"


def _level_db(settings: MixSettings, index: int) -> float:
    return float(settings.source_gain_db[index] + settings.params.tracks.input_gain_db[index])


def _effects(params: dsp.TrackParams | dsp.MasterParams) -> _Effects:
    return _Effects(params.equalizer, params.compressor)


def _differ(before: Any, after: Any) -> bool:
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return any(bool(np.any(old != new)) for old, new in pairs)


def _change(old: float, new: float, unit: str = "dB") -> str:
    return f"{signed(float(new))} {unit} (was {signed(float(old))})"


def _value(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return VALUES[value] if isinstance(value, str) else plain(value)
