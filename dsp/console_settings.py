"""The settings of the mixing console: their order, their ranges, and control vectors.

What the controls are, in which order they stand in a control vector and how far they reach is
written once, in the NamedTuples and `console_ranges` below; every count is derived from them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dsp.checks import check_count, check_kind, check_sample_rate, check_shape
from dsp.dynamics import CompressorParams
from dsp.equalizer import CONSOLE_BANDS, EqualizerParams
from dsp.ranges import Range, Setting, check_settings, denormalize, normalize
from dsp.reverb import BANDS, REVERB_RANGES, ReverbParams, check_reverb

# Controls next to the Nyquist frequency are moved below it by this factor.
_MAX_FREQUENCY = 0.98


class TrackParams(NamedTuple):
    """Settings of all channel strips; every leaf has the leading axis (tracks,)."""

    input_gain_db: Setting
    equalizer: EqualizerParams
    compressor: CompressorParams
    pan: Setting  # 0 left to 1 right
    send_db: Setting  # to the effects bus, behind the fader and the pan


class FxBusParams(NamedTuple):
    """Settings of the effects bus."""

    reverb: ReverbParams


class MasterParams(NamedTuple):
    """Settings of the master bus; scalars, the equalizer's (bands,)."""

    equalizer: EqualizerParams
    compressor: CompressorParams
    output_fader_db: Setting
    input_fader_db: Setting


class ConsoleParams(NamedTuple):
    """All settings of a mix, in physical units."""

    tracks: TrackParams
    fx_bus: FxBusParams
    master_bus: MasterParams


def console_ranges(*, sample_rate: float) -> ConsoleParams:
    """The range of every setting, as a `ConsoleParams` with `Range`s for leaves.

    Equalizer ranges hold one number per band. Frequencies end below half the sample rate.
    """
    check_sample_rate(sample_rate)
    fader = Range(-48.0, 48.0)
    low = np.array([20.0, 80.0, 2000.0, 8000.0, 12000.0, 6000.0])
    high = np.array([2000.0, 2000.0, 8000.0, 12000.0, 21050.0, 21050.0])
    ceiling = _MAX_FREQUENCY * sample_rate / 2
    each = np.ones(len(CONSOLE_BANDS))
    equalizer = EqualizerParams(
        gain_db=Range(-12.0 * each, 12.0 * each),
        frequency_hz=Range(np.minimum(low, ceiling), np.minimum(high, ceiling)),
        q_factor=Range(0.1 * each, 5.0 * each),
    )
    dynamics = CompressorParams(
        threshold_db=Range(-60.0, 0.0),
        ratio=Range(1.0, 10.0),
        attack_ms=Range(5.0, 250.0),
        release_ms=Range(10.0, 250.0),
        knee_db=Range(3.0, 12.0),
        makeup_gain_db=Range(0.0, 6.0),
    )
    tracks = TrackParams(fader, equalizer, dynamics, Range(0.0, 1.0), Range(-80.0, 12.0))
    return ConsoleParams(
        tracks, FxBusParams(REVERB_RANGES), MasterParams(equalizer, dynamics, fader, fader)
    )


def console_params(
    track: jax.Array, fx_bus: jax.Array, master: jax.Array, *, sample_rate: float
) -> ConsoleParams:
    """Turn control vectors in [0, 1] into physical settings.

    Args:
        track: (tracks, 27): input gain, equalizer 18 (gain, frequency, Q band by band),
            compressor 6, pan, fx send.
        fx_bus: (25,): 12 band gains, 12 band decays, mix.
        master: (26,): equalizer 18, compressor 6, output fader, input fader.
        sample_rate: Hz.

    Returns:
        Settings; 0 and 1 give exactly the ends of each range.

    Raises:
        ValueError: wrong shapes.
    """
    if np.ndim(track) != 2 or np.shape(track)[1] != TRACK_CONTROLS:
        raise ValueError(f"track has shape {np.shape(track)}; expected (tracks, {TRACK_CONTROLS})")
    check_shape(fx_bus, (FX_BUS_CONTROLS,), "fx_bus")
    check_shape(master, (MASTER_CONTROLS,), "master")
    ranges = console_ranges(sample_rate=sample_rate)
    return ConsoleParams(
        jax.vmap(lambda v: denormalize(_unpack_track(v), ranges.tracks))(track),
        denormalize(_unpack_fx_bus(fx_bus), ranges.fx_bus),
        denormalize(_unpack_master(master), ranges.master_bus),
    )


def console_controls(
    params: ConsoleParams, *, sample_rate: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The control vectors `(track, fx_bus, master)` of physical settings; inverts `console_params`.

    Settings outside their ranges give controls outside [0, 1].
    """
    ranges = console_ranges(sample_rate=sample_rate)
    check_kind(params, ConsoleParams, "params")
    tracks = np.shape(params.tracks.pan)
    if len(tracks) != 1:
        raise ValueError(f"params.tracks.pan has shape {tracks}; expected (tracks,)")
    check_settings(params.tracks, ranges.tracks, "params.tracks", tracks)
    check_reverb(params.fx_bus.reverb, "params.fx_bus.reverb")
    check_settings(params.master_bus, ranges.master_bus, "params.master_bus")
    t = jax.vmap(lambda p: _flatten(normalize(p, ranges.tracks)))(params.tracks)
    fx = _flatten(normalize(params.fx_bus, ranges.fx_bus))
    return t, fx, _flatten(normalize(params.master_bus, ranges.master_bus))


def _flatten(controls: tuple[Setting, ...]) -> jax.Array:
    """Control vector of one strip or bus: the fields in order, equalizer bands one by one."""
    parts = []
    for value in controls:
        if isinstance(value, EqualizerParams):
            parts.append(jnp.stack(value, axis=1).ravel())
        elif isinstance(value, tuple):
            parts.append(_flatten(value))
        else:
            parts.append(jnp.ravel(value))
    return jnp.concatenate(parts)


def _unpack_equalizer(v: jax.Array) -> EqualizerParams:
    return EqualizerParams(*v.reshape(len(CONSOLE_BANDS), len(EqualizerParams._fields)).T)


_EQ = len(CONSOLE_BANDS) * len(EqualizerParams._fields)
_COMP = len(CompressorParams._fields)


def _unpack_track(v: jax.Array) -> TrackParams:
    eq, comp = _unpack_equalizer(v[1 : 1 + _EQ]), CompressorParams(*v[1 + _EQ : 1 + _EQ + _COMP])
    return TrackParams(v[0], eq, comp, v[-2], v[-1])


def _unpack_fx_bus(v: jax.Array) -> FxBusParams:
    bands = (v.shape[0] - 1) // 2
    return FxBusParams(ReverbParams(v[:bands], v[bands:-1], v[-1]))


def _unpack_master(v: jax.Array) -> MasterParams:
    return MasterParams(_unpack_equalizer(v[:_EQ]), CompressorParams(*v[_EQ:-2]), v[-2], v[-1])


TRACK_CONTROLS = 1 + _EQ + _COMP + 2
FX_BUS_CONTROLS = 2 * BANDS + 1
MASTER_CONTROLS = _EQ + _COMP + 2


def neutral_console(tracks: int, *, sample_rate: float) -> ConsoleParams:
    """Settings under which no effect does anything: every track in the centre, at its own level.

    What remains is the pan law, by which either side hears a centred track lower (3 dB by constant
    power, see `dsp.pan`), the delay of a lookahead, and, with reverb on, sends at -80 dB, their
    lowest. Equalizer bands stand flat in the geometric
    middle of their range with Q 0.707; compressors have ratio 1 and no makeup gain.
    """
    check_count(tracks, "tracks")
    ranges = console_ranges(sample_rate=sample_rate)
    frequency = jnp.sqrt(
        ranges.tracks.equalizer.frequency_hz.low * ranges.tracks.equalizer.frequency_hz.high
    )
    equalizer = EqualizerParams(
        jnp.zeros_like(frequency), frequency, jnp.full_like(frequency, 0.5**0.5)
    )
    dynamics = CompressorParams(*(jnp.asarray(v) for v in (0.0, 1.0, 20.0, 100.0, 6.0, 0.0)))
    zero = jnp.asarray(0.0)
    strip = TrackParams(
        zero, equalizer, dynamics, jnp.asarray(0.5), jnp.asarray(ranges.tracks.send_db.low)
    )
    bands = jnp.full(BANDS, 0.5)
    return ConsoleParams(
        jax.tree.map(lambda leaf: jnp.repeat(leaf[None], tracks, axis=0), strip),
        FxBusParams(ReverbParams(bands, bands, jnp.asarray(1.0))),
        MasterParams(equalizer, dynamics, zero, zero),
    )
