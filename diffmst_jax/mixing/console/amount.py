"""Less of it: settings on the way from neutral to what was predicted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.console.settings import DECIMALS, MixSettings, rounded
from dsp.stereo import CENTRE

SMALLEST_AMOUNT = 1e-9
RANGES = dsp.console_ranges(sample_rate=SAMPLE_RATE)


class Amounts(NamedTuple):
    """How much of each group of settings to apply, 0 neutral to 1 as predicted.

    Attributes:
        level: balance of the tracks; 0 leaves it as recorded.
        eq: equalizers of the tracks.
        dynamics: compressors of the tracks.
        pan: positions; 0 puts all in the centre, stereo files as they are.
        effects: sends to the fx bus, and what it adds.
        master: equalizer and compressor of the master bus.
    """

    level: float = 1.0
    eq: float = 1.0
    dynamics: float = 1.0
    pan: float = 1.0
    effects: float = 1.0
    master: float = 1.0


def parse_amount(text: str) -> Amounts:
    """Read `0.5`, or `eq=0.7,pan=0` (what is not named stays 1).

    Raises:
        InputError: an unknown name, one that is given twice, or a number outside 0 to 1.
    """
    if "=" not in text:
        return Amounts(*[_number(text)] * len(Amounts._fields))
    named = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name.strip() not in Amounts._fields:
            names = ", ".join(Amounts._fields)
            raise InputError("--amount", f"has no part {name.strip()!r}", f"use {names}")
        if name.strip() in named:
            raise InputError("--amount", f"names {name.strip()} twice", "give each part once")
        named[name.strip()] = _number(value)
    return Amounts(**named)


def amount_text(amounts: Amounts) -> str:
    """Write amounts so that `parse_amount` reads them again: the parts that are not whole."""
    parts = [f"{name}={part:g}" for name, part in amounts._asdict().items() if part != 1]
    return ",".join(parts) or "1"


def is_partial(text: str) -> bool:
    """Whether an amount, as `parse_amount` reads it, takes some part neither wholly nor not."""
    return any(0 < amount < 1 for amount in parse_amount(text))


def recorded_level_db(settings: MixSettings) -> float:
    """Level at which tracks are as loud beside each other as recorded: the mean of all of them."""
    return float(np.mean(settings.source_gain_db + settings.params.tracks.input_gain_db))


def apply_amounts(
    settings: MixSettings,
    amounts: Amounts,
    locked: np.ndarray | None = None,
    recorded_db: float | None = None,
) -> MixSettings:
    """Move settings towards neutral.

    Level: in dB, from the balance as recorded. Compressors keep the same signal above their
    threshold when the level before them moves. With all amounts 0 the mix is the plain sum. Where
    a gain or a threshold would leave its range, all move by one step, see `with_room`; only what
    lies further apart than a range is wide stops at its ends.

    Args:
        settings: as predicted.
        amounts: 1 leaves a group as it is.
        locked: strips that are left as they were recorded, bool `(strips,)`: all their amounts
            are 0.
        recorded_db: level of tracks that are left as recorded; `recorded_level_db` by default.
    """
    if locked is None:
        locked = np.zeros(len(settings.strips), bool)
    if amounts == Amounts() and not np.any(locked):
        return settings
    recorded = recorded_level_db(settings) if recorded_db is None else recorded_db
    step = _step_db(settings, amounts, locked, recorded)
    settings, recorded = _moved(settings, step), recorded + step
    level, eq, dynamics, pan, effects = (amount * ~locked for amount in amounts[:5])
    tracks, ranges = settings.params.tracks, RANGES.tracks
    predicted = settings.source_gain_db + tracks.input_gain_db
    input_gain = recorded + level * (predicted - recorded) - settings.source_gain_db
    # Rounded before thresholds follow it: done again, nothing moves.
    input_gain = np.round(np.clip(input_gain, *ranges.input_gain_db), DECIMALS)
    moved = input_gain - tracks.input_gain_db
    compressor = scale_compressor(tracks.compressor, dynamics)
    threshold = np.clip(compressor.threshold_db + moved, *ranges.compressor.threshold_db)
    new_tracks = tracks._replace(
        input_gain_db=input_gain,
        equalizer=scale_equalizer(tracks.equalizer, eq[:, np.newaxis]),
        compressor=compressor._replace(threshold_db=threshold),
        pan=CENTRE + pan * (tracks.pan - CENTRE),
        send_db=scale_send(tracks.send_db, effects, ranges.send_db.low),
    )
    master = settings.params.master_bus
    compressor = scale_compressor(master.compressor, amounts.master)
    threshold = np.clip(compressor.threshold_db, *RANGES.master_bus.compressor.threshold_db)
    new_master = master._replace(
        equalizer=scale_equalizer(master.equalizer, amounts.master),
        compressor=compressor._replace(threshold_db=threshold),
        output_fader_db=master.output_fader_db * amounts.master,
        input_fader_db=master.input_fader_db * amounts.master,
    )
    params = settings.params._replace(tracks=new_tracks, master_bus=new_master)
    return replace(settings, params=rounded(params))


def with_room(settings: MixSettings, amounts: Amounts, locked: np.ndarray) -> MixSettings:
    """Move all levels of a console by the least step that lets amounts stay in their ranges.

    Gains of the tracks and thresholds move as one, so that the mix is the same but for its level,
    which its last gain sets anyway. Ordinarily the step is 0.

    Args:
        settings: as predicted.
        amounts: to be applied, or to be refined for and applied then.
        locked: as for `apply_amounts`.
    """
    return _moved(settings, _step_db(settings, amounts, locked, recorded_level_db(settings)))


def free_settings(
    settings: MixSettings,
    amounts: Amounts,
    locked: np.ndarray,
    centred: np.ndarray | None = None,
) -> dsp.ConsoleParams:
    """Say which settings refinement may move: those of which some amount is wanted.

    Args:
        settings: where it starts.
        amounts: what is wanted.
        locked: strips of which nothing moves, bool `(strips,)`.
        centred: strips that stay where they are, none by default.

    Returns:
        Bool, in the tree of `settings.params`.
    """
    level, eq, dynamics, pan, effects = ((amount > 0) & ~locked for amount in amounts[:5])
    pan = pan if centred is None else pan & ~centred
    tracks = dsp.TrackParams(
        level,
        dsp.EqualizerParams(*[eq[:, np.newaxis]] * len(dsp.EqualizerParams._fields)),
        dsp.CompressorParams(*[dynamics] * len(dsp.CompressorParams._fields)),
        pan,
        effects,
    )
    free = settings.params._replace(
        tracks=tracks,
        fx_bus=jax.tree.map(
            lambda leaf: np.full(np.shape(leaf), amounts.effects > 0), settings.params.fx_bus
        ),
        master_bus=jax.tree.map(
            lambda leaf: np.full(np.shape(leaf), amounts.master > 0), settings.params.master_bus
        ),
    )
    return jax.tree.map(
        lambda flag, leaf: np.broadcast_to(flag, np.shape(leaf)), free, settings.params
    )


def scale_equalizer(
    equalizer: dsp.EqualizerParams, amount: float | np.ndarray
) -> dsp.EqualizerParams:
    """Scale the gains in dB; frequencies and widths stay."""
    return equalizer._replace(gain_db=equalizer.gain_db * amount)


def scale_compressor(
    compressor: dsp.CompressorParams, amount: float | np.ndarray
) -> dsp.CompressorParams:
    """Scale the slope `1 - 1 / ratio`, so the gain reduction in dB, and the makeup gain."""
    slope = (1.0 - 1.0 / compressor.ratio) * amount
    return compressor._replace(
        ratio=1.0 / (1.0 - slope), makeup_gain_db=compressor.makeup_gain_db * amount
    )


def scale_send(send_db: np.ndarray, amount: np.ndarray, lowest_db: float) -> np.ndarray:
    """Scale what is sent, as an amplitude; no less than the lowest setting, which is off."""
    scaled = send_db + 20 * np.log10(np.maximum(amount, SMALLEST_AMOUNT))
    return np.maximum(scaled, lowest_db)


def _step_db(
    settings: MixSettings, amounts: Amounts, locked: np.ndarray, recorded_db: float
) -> float:
    """The step of `with_room`: gains have precedence, for compressors may be left out."""
    tracks, master = settings.params.tracks, settings.params.master_bus
    level, dynamics = amounts.level * ~locked, amounts.dynamics * ~locked
    recorded = recorded_db - settings.source_gain_db
    behind = tracks.compressor.threshold_db + recorded - tracks.input_gain_db
    works = (dynamics > 0) & (tracks.compressor.ratio > 1)
    master_works = amounts.master > 0 and master.compressor.ratio > 1
    # What comes out lies between what is predicted and what is recorded.
    thresholds = [
        *tracks.compressor.threshold_db[works & (level > 0)],
        *behind[works & (level < 1)],
        *([master.compressor.threshold_db] if master_works else []),
    ]
    gains = [*tracks.input_gain_db[level > 0], *recorded[level < 1]]
    step = _step_into(RANGES.tracks.compressor.threshold_db, thresholds, 0.0)
    return _step_into(RANGES.tracks.input_gain_db, gains, step)


def _step_into(limits: dsp.Range, values: Sequence[float], wanted: float) -> float:
    """The step nearest to one that is wanted that takes values into a range, or to its middle."""
    if not values:
        return wanted
    low, high = (float(np.asarray(end)) for end in limits)
    least, most = low - min(values), high - max(values)
    return float(np.clip(wanted, least, most) if least <= most else (least + most) / 2)


def _moved(settings: MixSettings, step_db: float) -> MixSettings:
    """Move gains of the tracks and all thresholds."""
    tracks, master = settings.params.tracks, settings.params.master_bus

    def moved(compressor: dsp.CompressorParams) -> dsp.CompressorParams:
        return compressor._replace(threshold_db=compressor.threshold_db + step_db)

    params = settings.params._replace(
        tracks=tracks._replace(
            input_gain_db=tracks.input_gain_db + step_db, compressor=moved(tracks.compressor)
        ),
        master_bus=master._replace(compressor=moved(master.compressor)),
    )
    return replace(settings, params=params)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise InputError("--amount", f"is {text.strip()!r}", "give a number from 0 to 1")
    return value
