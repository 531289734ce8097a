"""A mix as a session of a digital audio workstation: tracks with faders, and a master.

The console brings every recording to its working level before it equalizes and compresses, and
brings the finished mix to its loudness at the very end. A session starts from the recordings as
they are and ends at the loudness of the mix, and its faders are the balance. Both are the same
mix, because a gain commutes with an equalizer, and with a compressor once its threshold moves
along:

    compressor(threshold, g x) = g compressor(threshold - g, x)        (levels in dB)

So the gain `g` before a strip's compressor moves behind it, into the fader, and its threshold
counts from the recording's own level. The gain after the sum moves into the faders too, and the
threshold of the master's compressor with it. No setting but thresholds and levels changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.mixing.console.settings import MixSettings, Provenance
from diffmst_jax.mixing.signals.measure import decibels
from diffmst_jax.mixing.sources.strips import LeftOut, Strip, strip_names
from dsp.stereo import pan_gains

HIGHEST_FADER_DB = decibels(2.0)
"""Where the faders of most workstations end (+6.02 dB); more gain goes behind the compressor."""

THRESHOLDS_EVERYWHERE_DB = (-60.0, 0.0)
"""Thresholds that every workstation's compressor has."""


ONE_POLE = ("one_pole", "sampled_one_pole")
"""Ballistics that have an attack time alone."""


class Placement(NamedTuple):
    """Where a strip stands, under the constant-power law.

    Attributes:
        position: 0 left, 0.5 centre, 1 right; for a stereo pair where the pair leans.
        gain_db: what the console's own pan law takes from, or adds to, constant power there.
    """

    position: float
    gain_db: float


@dataclass(frozen=True)
class SessionTrack:
    """One track of a session: equalizer, compressor, fader, pan.

    Attributes:
        strip: the recording that it plays.
        muted: whether it is silenced.
        equalizer: six bands as in `dsp.CONSOLE_BANDS`, or None if the console has none.
        compressor: its threshold counts from the recording's own level; None if there is none.
        output_gain_db: gain behind the compressor, besides its makeup gain, that the fader cannot
            give.
        fader_db: at most `HIGHEST_FADER_DB`.
        pan: position of the strip.
        send_db: post-fader level sent to the effects bus; None without one.
    """

    strip: Strip
    muted: bool
    equalizer: dsp.EqualizerParams | None
    compressor: dsp.CompressorParams | None
    output_gain_db: float
    fader_db: float
    pan: float
    send_db: float | None

    @property
    def is_stereo(self) -> bool:
        """Whether it plays a linked pair of channels."""
        return self.strip.is_pair

    @property
    def is_printed(self) -> bool:
        """Whether all that it does is fader and pan."""
        return self.equalizer is None and self.compressor is None and self.output_gain_db == 0


@dataclass(frozen=True)
class SessionMaster:
    """The master of a session: equalizer, compressor, limiter.

    Attributes:
        equalizer: six bands, or None if the console has no master bus.
        compressor: its threshold counts from the level at which the tracks arrive.
        ceiling_dbtp: of the limiter that ends the chain.
        trim_db: gain behind the limiter, 0 or a hundredth of a dB less.
    """

    equalizer: dsp.EqualizerParams | None
    compressor: dsp.CompressorParams | None
    ceiling_dbtp: float
    trim_db: float


@dataclass(frozen=True)
class Session:
    """Everything a workstation is told, besides the audio.

    Attributes:
        tracks: one for each strip, in order.
        master: what the sum passes.
        bus_gain_db: gain from the console's level to the session's on all that reaches the sum.
        reverb: settings of the effects bus, or None without one.
        config: the console's laws, which not every workstation can follow.
        provenance: where the settings come from.
        left_out: files of the song that take no part, and why.
    """

    tracks: tuple[SessionTrack, ...]
    master: SessionMaster
    bus_gain_db: float
    reverb: dsp.ReverbParams | None
    config: dsp.ConsoleConfig
    provenance: Provenance
    left_out: tuple[LeftOut, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the tracks are called."""
        return tuple(strip_names([track.strip for track in self.tracks]))


def session_of(settings: MixSettings, finish_gain_db: float, *, trim_db: float = 0.0) -> Session:
    """Stage a mix's gains as a workstation wants them.

    Args:
        settings: of the mix.
        finish_gain_db: gain that brought the mix to its loudness, before its limiter
            (`Finished.gain_db`).
        trim_db: gain that came behind its limiter.
    """
    config, params = settings.config, settings.params
    master = params.master_bus
    bus_gain_db = finish_gain_db
    equalizer = compressor = None
    if config.master_bus:
        bus_gain_db += float(master.input_fader_db + master.output_fader_db)
        equalizer = _numbers(master.equalizer)
        louder = bus_gain_db - float(master.input_fader_db)
        compressor = _compressor(_numbers(master.compressor), louder, config)
    return Session(
        tracks=tuple(_track(settings, index, bus_gain_db) for index in range(len(settings.strips))),
        master=SessionMaster(equalizer, compressor, settings.target.ceiling_dbtp, trim_db),
        bus_gain_db=bus_gain_db,
        reverb=params.fx_bus.reverb if config.reverb else None,
        config=config,
        provenance=settings.provenance,
        left_out=settings.left_out,
    )


def placement(position: float, law: str, *, is_stereo: bool) -> Placement:
    """Say a position of the console under the constant-power law.

    A pair keeps its position: its ends are hard left and right under every law.
    """
    if is_stereo:
        return Placement(position, 0.0)
    left, right = (float(gain) for gain in np.asarray(pan_gains(position, law=law)))
    angle = float(np.arctan2(right, left))
    return Placement(angle / (np.pi / 2), decibels(float(np.hypot(left, right))))


def sends_over_faders_db(session: Session) -> float:
    """How far the loudest send goes over `HIGHEST_FADER_DB`; 0 if none does."""
    sends_db = (track.send_db for track in session.tracks if track.send_db is not None)
    return max(0.0, max(sends_db, default=-np.inf) - HIGHEST_FADER_DB)


def thresholds_beyond(session: Session) -> Sequence[str]:
    """Names of the tracks whose threshold some workstation's compressor may not reach."""
    low, high = THRESHOLDS_EVERYWHERE_DB
    compressors = [*(track.compressor for track in session.tracks), session.master.compressor]
    return [
        name
        for name, compressor in zip([*session.names, "Master"], compressors, strict=True)
        if compressor is not None
        and compressor.ratio > 1
        and not low <= compressor.threshold_db <= high
    ]


def _track(settings: MixSettings, index: int, bus_gain_db: float) -> SessionTrack:
    strip, config = settings.strips[index], settings.config
    params = _numbers(settings.strip_params(index))
    before_db = float(settings.source_gain_db[index]) + params.input_gain_db
    place = placement(params.pan, config.pan_law, is_stereo=strip.is_pair)
    after_db = before_db + place.gain_db + bus_gain_db
    fader_db = min(after_db, HIGHEST_FADER_DB)
    compressor = None
    if config.track_compressor:
        compressor = _compressor(params.compressor, -before_db, config)
    return SessionTrack(
        strip=strip,
        muted=bool(settings.muted[index]),
        equalizer=params.equalizer if config.track_equalizer else None,
        compressor=compressor,
        output_gain_db=after_db - fader_db,
        fader_db=fader_db,
        pan=place.position,
        send_db=params.send_db if config.reverb else None,
    )


def _compressor(
    compressor: dsp.CompressorParams, louder_db: float, config: dsp.ConsoleConfig
) -> dsp.CompressorParams:
    """Let a compressor do the same to a signal that is louder by so much.

    One-pole ballistics are attack and release of one time.
    """
    if config.ballistics in ONE_POLE:
        compressor = compressor._replace(release_ms=compressor.attack_ms)
    return compressor._replace(threshold_db=compressor.threshold_db + louder_db)


def _numbers(params: Any) -> Any:
    """Settings with plain numbers for scalars and float64 arrays for bands."""

    def number(leaf: Any) -> Any:
        return np.asarray(leaf, np.float64) if np.ndim(leaf) else float(leaf)

    return jax.tree.map(number, params)
