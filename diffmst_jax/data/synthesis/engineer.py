"""A sensible random engineer: finished reference mixes with habits, not uniform random settings.

The engineer has a personality (how bright, how wide, how compressed, how loud, how much room,
which instruments forward) that holds for the whole mix, and works as people do: balance by role,
make room with EQ, hold levels with compression, spread what may be spread, glue and level on the
master bus. The track and bus processing is `dsp.mix_console`; the room, the mid-side width and the
limiter at the end are done here.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.synthesis.drums import room
from diffmst_jax.data.synthesis.filters import butterworth, lowest_then_mean
from diffmst_jax.data.synthesis.raw import RawSong
from diffmst_jax.data.synthesis.tastes import Engineer, draw_engineer
from diffmst_jax.data.synthesis.tones import Audio
from diffmst_jax.mixing.signals.measure import integrated_loudness

# The console is run on so many rows at a time: one program for songs of any number of tracks.
GROUP = 8

# Where each kind of track sits in the balance before the master bus, in LUFS.
BALANCE_LUFS = {
    "kick": -25.0,
    "snare": -25.5,
    "hihat": -37.0,
    "tom_high": -30.0,
    "tom_low": -29.0,
    "overheads": -31.0,
    "drum_room": -35.0,
    "bass": -25.0,
    "lead": -23.0,
    "chords": -29.0,
    "pad": -33.0,
}
# How far from the centre an engineer pans each kind of mono track, 0 to 0.5.
SPREAD = {"kick": 0.0, "snare": 0.04, "bass": 0.0, "lead": 0.03, "hihat": 0.2}
SPREAD_ELSEWHERE = 0.4
# How much of each role goes to the room, in dB relative to its level; others stay dry.
ROOM_SEND_DB = {"lead": -14.0, "snare": -16.0, "chords": -18.0, "pad": -14.0}

# Energy of left minus right over that of left plus right that a mix does not exceed.
WIDEST = 0.6

CEILING = 10 ** (-1.0 / 20)
LIMITER_WINDOW = 441
LIMITER_PASSES = 4

# Settings at which the equalizer does nothing in particular: corner and centre frequencies.
EQUALIZER_HZ = (110.0, 350.0, 3500.0, 9000.0, 13000.0, 10000.0)
# The master's high shelf reaches further down: it sets how dark or bright the mix is.
MASTER_SHELF_HZ = 5000.0


def mix_song(song: RawSong, rng: np.random.Generator) -> Audio:
    """Mix a raw song as a randomly drawn engineer would.

    Returns:
      The finished mix (2, frames), peak below -1 dBFS.
    """
    # On the processor always: an accelerator would round otherwise, and is busy with training.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        return _mix(song, rng)


def _mix(song: RawSong, rng: np.random.Generator) -> Audio:
    engineer = draw_engineer(song.plan.style, tuple(BALANCE_LUFS), rng)
    rows, params, ambience = _set_up(song, engineer, rng)
    mix = np.zeros((2, len(rows[0])), np.float32)
    for start in range(0, len(rows), GROUP):
        group = slice(start, start + GROUP)
        strips = params._replace(tracks=_rows_of(params.tracks, group))
        mix += np.asarray(_strips(jnp.asarray(np.stack(rows[group])), strips))
    mix = np.asarray(_master_bus(jnp.asarray(mix), params.master_bus))
    return _finish(mix + ambience, engineer)


def _rows_of(tracks: dsp.TrackParams, group: slice) -> dsp.TrackParams:
    return jax.tree.map(lambda leaf: leaf[group], tracks)


@jax.jit
def _strips(rows: jax.Array, params: dsp.ConsoleParams) -> jax.Array:
    """Sum of the channel strips of `GROUP` rows."""
    config = dsp.ConsoleConfig(master_bus=False)
    return dsp.mix_console(rows, params, config, sample_rate=SAMPLE_RATE).mix


@jax.jit
def _master_bus(mix: jax.Array, params: dsp.MasterParams) -> jax.Array:
    """EQ and glue compression of the sum; the faders stay at 0 dB."""
    toned = dsp.parametric_eq(mix, params.equalizer, sample_rate=SAMPLE_RATE)
    return dsp.compressor(toned, params.compressor, sample_rate=SAMPLE_RATE)


def _set_up(
    song: RawSong, engineer: Engineer, rng: np.random.Generator
) -> tuple[list[Audio], dsp.ConsoleParams, Audio]:
    """Choose every setting.

    Returns:
      The tracks as mono rows and their settings, both padded to a multiple of `GROUP`, and what
      the room adds to the mix, (2, frames).
    """
    rows, strips = [], []
    sent = np.zeros(next(iter(song.tracks.values())).shape[1], np.float32)
    for name, audio in song.tracks.items():
        role = name if name in BALANCE_LUFS else song.roles[name]
        target = BALANCE_LUFS[role] + engineer.favours_db[role] + rng.normal(0.0, 1.2)
        loudness = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
        gain_db = float(np.clip(target - loudness, -40, 30)) if np.isfinite(loudness) else -40.0
        strip = _strip(role, gain_db, target, engineer, rng)
        for channel, place in zip(audio, _places(role, len(audio), rng), strict=True):
            rows.append(channel)
            strips.append(strip._replace(pan=_scalar(place)))
        if role in ROOM_SEND_DB:
            send_db = gain_db + ROOM_SEND_DB[role] + engineer.room_db + rng.normal(0.0, 2.0)
            sent += np.float32(10 ** (send_db / 20)) * audio.mean(axis=0)
    padding = -len(rows) % GROUP
    strips += strips[-1:] * padding
    rows += [np.zeros_like(rows[0])] * padding  # one array, however often
    tracks = jax.tree.map(lambda *leaves: jnp.stack(leaves), *strips)
    ambience = room(sent[None], rng, decay_s=engineer.room_s, dry=0.0)
    return rows, _console_params(tracks, engineer, rng), ambience


def _places(role: str, channels: int, rng: np.random.Generator) -> list[float]:
    """Pan positions of a track's channels, 0 left to 1 right."""
    if channels == 2:
        half = rng.uniform(0.3, 0.5)
        return [0.5 - half, 0.5 + half]
    spread = SPREAD.get(role, SPREAD_ELSEWHERE)
    return [float(np.clip(0.5 + rng.choice([-1, 1]) * spread * rng.uniform(0.3, 1.1), 0, 1))]


def _strip(
    role: str, gain_db: float, target_lufs: float, engineer: Engineer, rng: np.random.Generator
) -> dsp.TrackParams:
    """Choose one channel strip; `pan` is set by the caller."""
    low = rng.normal(0.0, 1.5) if role in ("kick", "bass") else -abs(rng.normal(3.0, 2.0))
    presence = rng.normal(2.0 if role in ("lead", "snare") else 0.0, 1.5)
    gains = [low, rng.normal(-1.0, 1.5), presence, rng.normal(0, 1), rng.normal(0, 1), 0.0]
    gains[5] = rng.normal(1.0, 2.0)
    depth = engineer.squeeze * rng.uniform(0.4, 1.2)
    return dsp.TrackParams(
        input_gain_db=_scalar(gain_db),
        equalizer=_equalizer(gains, rng),
        compressor=dsp.CompressorParams(
            threshold_db=_scalar(np.clip(target_lufs + 8 - 14 * depth, -60, 0)),
            ratio=_scalar(1.5 + 4 * depth),
            attack_ms=_scalar(rng.uniform(5, 40)),
            release_ms=_scalar(rng.uniform(50, 220)),
            knee_db=_scalar(rng.uniform(3, 12)),
            makeup_gain_db=_scalar(np.clip(4 * depth, 0, 6)),
        ),
        pan=_scalar(0.5),
        send_db=_scalar(-80.0),
    )


def _equalizer(
    gains_db: list[float], rng: np.random.Generator, *, shelf_hz: float = EQUALIZER_HZ[-1]
) -> dsp.EqualizerParams:
    """Moderate moves around the usual frequencies."""
    shift = np.exp(rng.normal(0.0, 0.15, len(EQUALIZER_HZ)))
    return dsp.EqualizerParams(
        gain_db=jnp.asarray(np.clip(gains_db, -11, 11), jnp.float32),
        frequency_hz=jnp.asarray([*EQUALIZER_HZ[:-1], shelf_hz] * shift, jnp.float32),
        q_factor=jnp.asarray(rng.uniform(0.5, 1.2, len(EQUALIZER_HZ)), jnp.float32),
    )


def _console_params(
    tracks: dsp.TrackParams, engineer: Engineer, rng: np.random.Generator
) -> dsp.ConsoleParams:
    """Add the buses: a gentle master EQ in the engineer's taste and glue compression."""
    gains = [engineer.bass_db, rng.normal(-0.5, 1), 0.3 * engineer.tilt_db, 0.0, 0.0]
    equalizer = _equalizer([*gains, engineer.tilt_db], rng, shelf_hz=MASTER_SHELF_HZ)
    compressor = dsp.CompressorParams(
        threshold_db=_scalar(-16 - 8 * engineer.squeeze),
        ratio=_scalar(1.3 + 2 * engineer.squeeze),
        attack_ms=_scalar(rng.uniform(10, 40)),
        release_ms=_scalar(rng.uniform(80, 240)),
        knee_db=_scalar(6.0),
        makeup_gain_db=_scalar(0.0),
    )
    fx_bus = dsp.neutral_console(1, sample_rate=SAMPLE_RATE).fx_bus
    master = dsp.MasterParams(equalizer, compressor, _scalar(0.0), _scalar(0.0))
    return dsp.ConsoleParams(tracks, fx_bus, master)


def _scalar(value: float) -> jax.Array:
    return jnp.asarray(value, jnp.float32)


def _finish(mix: Audio, engineer: Engineer) -> Audio:
    """Set width, band, saturation and loudness, and keep the peaks below the ceiling."""
    mid, side = mix[0] + mix[1], engineer.width * (mix[0] - mix[1])
    if engineer.mono_below_hz:
        side = _filtered(side, engineer.mono_below_hz, "highpass")
    # Whoever hears a mix fall apart into two sides takes the width back.
    share = float(np.mean(side**2) / max(np.mean(mid**2), 1e-12))
    side = side * np.float32(min(1.0, np.sqrt(WIDEST / max(share, 1e-12))))
    wide: npt.NDArray[np.floating] = np.stack([mid + side, mid - side]) / 2
    if engineer.band_hz is not None:
        wide = _filtered(wide, engineer.band_hz, "bandpass")
    if engineer.drive_db:
        # The clipper works against the level that peaks usually reach, so short ones are rounded.
        usual = max(float(np.percentile(np.abs(wide), 99.7)), 1e-6)
        wide = np.tanh(wide * (10 ** (engineer.drive_db / 20) / (2 * usual)))
    for _ in range(LIMITER_PASSES):
        loudness = integrated_loudness(wide, sample_rate=SAMPLE_RATE)
        if not np.isfinite(loudness) or abs(loudness - engineer.loudness_lufs) < 0.3:
            break
        wide = _limit(wide * 10 ** ((engineer.loudness_lufs - loudness) / 20))
    return np.asarray(_limit(wide), np.float32)


def _filtered(audio: Audio, hz: float | tuple[float, float], kind: str) -> Audio:
    return np.asarray(butterworth(audio, 2, hz, kind), np.float32)


def _limit(audio: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Turn the gain down around peaks: linked, ahead of them, smoothed over the same window."""
    peak = np.max(np.abs(audio), axis=0)
    wanted = np.minimum(1.0, CEILING / np.maximum(peak, CEILING))
    return np.asarray(audio * lowest_then_mean(wanted, LIMITER_WINDOW, LIMITER_WINDOW))
