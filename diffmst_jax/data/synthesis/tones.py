"""Pitched sounds: wavetable voices with envelopes, vibrato, breath, formants and ensembles.

A voice holds two single-cycle tables per pitch, a dark and a bright one, and moves between them
while a note sounds. That covers plucked, struck, bowed, blown, sung and electronic tones at a few
milliseconds of computation per second of note. It is a source of varied material with the level
structure of real recordings, not an attempt to fool a listener.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.synthesis.filters import butterworth
from diffmst_jax.data.synthesis.plan import Note

Audio = npt.NDArray[np.float32]

TABLE_SIZE = 8192
HIGHEST_PARTIAL_HZ = 18_000.0
CLICK_SAMPLES = 600
A4_HZ, A4_MIDI = 440.0, 69

# Centre frequencies of the first three formants of five sung vowels, in hertz.
VOWEL_FORMANTS_HZ = (
    (800.0, 1150.0, 2900.0),
    (400.0, 1650.0, 2600.0),
    (350.0, 1750.0, 2700.0),
    (450.0, 800.0, 2830.0),
    (325.0, 700.0, 2530.0),
)
FORMANT_WIDTHS_HZ = (90.0, 120.0, 180.0)
FORMANT_GAINS = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class Voice:
    """How one instrument sounds.

    Attributes:
      dark: exponent of the partials' roll-off (amplitude 1 / h^dark) when played softly.
      bright: the same when played hard or at the onset; smaller is brighter.
      even: level of the even partials relative to the odd ones, 0 (hollow) to 1.
      attack_s: time constant of the onset.
      decay_s: time constant of the fall towards `sustain`.
      sustain: level held until the note ends, 0 for plucked and struck sounds.
      release_s: time constant of the end.
      brightness_s: time constant of the fall from bright to dark.
      vibrato_cents: depth of the vibrato, faded in over 0.3 s.
      vibrato_hz: speed of the vibrato.
      breath: level of pitched-band noise relative to the tone.
      click: level of the noise of a pick or a hammer at the onset, relative to the tone.
      players: unison voices, spread over the stereo field when the track is stereo.
      detune_cents: standard deviation of their tuning.
      drive: input gain of a tanh overdrive over the whole track, 0 for none.
      cabinet_hz: corner of the low-pass after the overdrive.
      sung: shape the spectrum with vowel formants that change from note to note.
      resonances_hz: centres of fixed body resonances.
    """

    dark: float
    bright: float
    even: float = 1.0
    attack_s: float = 0.004
    decay_s: float = 0.5
    sustain: float = 0.0
    release_s: float = 0.06
    brightness_s: float = 0.2
    vibrato_cents: float = 0.0
    vibrato_hz: float = 5.5
    breath: float = 0.0
    click: float = 0.0
    players: int = 1
    detune_cents: float = 0.0
    drive: float = 0.0
    cabinet_hz: float = 5000.0
    sung: bool = False
    resonances_hz: tuple[float, ...] = ()


def midi_to_hz(midi: float) -> float:
    """Return the frequency in hertz of a MIDI pitch in equal temperament, A4 = 440 Hz."""
    return float(A4_HZ * 2.0 ** ((midi - A4_MIDI) / 12.0))


def render_notes(
    notes: list[Note], voice: Voice, *, frames: int, stereo: bool, rng: np.random.Generator
) -> Audio:
    """Play `notes` with `voice`.

    Returns:
      Audio (channels, frames), two channels if `stereo`, at no particular level.
    """
    channels = 2 if stereo else 1
    out = np.zeros((channels, frames), np.float32)
    tables = _TableCache(voice, rng)
    detune_cents = rng.normal(0.0, voice.detune_cents, voice.players)
    places = np.linspace(0.1, 0.9, voice.players) if voice.players > 1 else np.array([0.5])
    # A single stereo player lies before a pair of microphones: low notes left, high ones right.
    spread = rng.uniform(-0.6, 0.9) if voice.players == 1 else 0.0
    middle = float(np.mean([note.midi for note in notes])) if notes else 0.0
    for note in notes:
        start = round(note.start_s * SAMPLE_RATE)
        if start >= frames:
            continue
        length = min(round((note.duration_s + 5 * voice.release_s) * SAMPLE_RATE), frames - start)
        pair = tables.at(note.midi)
        shift = spread * (note.midi - middle) / 24
        for cents, place in zip(detune_cents, np.clip(places + shift, 0.0, 1.0), strict=True):
            tone = _play(note, voice, pair, length=length, cents=float(cents), rng=rng)
            if stereo:
                out[0, start : start + length] += np.float32(np.cos(place * np.pi / 2)) * tone
                out[1, start : start + length] += np.float32(np.sin(place * np.pi / 2)) * tone
            else:
                out[0, start : start + length] += tone
    return _overdrive(out, voice) if voice.drive else out


class _TableCache:
    """Dark and bright single-cycle tables by pitch (and vowel, for sung voices)."""

    def __init__(self, voice: Voice, rng: np.random.Generator):
        self._voice = voice
        self._rng = rng
        self._jitter = 10.0 ** (rng.normal(0.0, 0.12, 512))
        self._tables: dict[tuple[float, int], tuple[Audio, Audio]] = {}

    def at(self, midi: float) -> tuple[Audio, Audio]:
        vowel = int(self._rng.integers(len(VOWEL_FORMANTS_HZ))) if self._voice.sung else -1
        key = (midi, vowel)
        if key not in self._tables:
            self._tables[key] = (
                self._table(midi, self._voice.dark, vowel),
                self._table(midi, self._voice.bright, vowel),
            )
        return self._tables[key]

    def _table(self, midi: float, rolloff: float, vowel: int) -> Audio:
        frequency_hz = midi_to_hz(midi)
        count = int(np.clip(HIGHEST_PARTIAL_HZ / frequency_hz, 1, len(self._jitter)))
        harmonic = np.arange(1, count + 1, dtype=np.float64)
        amplitude = harmonic**-rolloff * self._jitter[:count]
        amplitude[1::2] *= self._voice.even
        partial_hz = harmonic * frequency_hz
        if vowel >= 0:
            amplitude *= _resonance_gain(
                partial_hz, VOWEL_FORMANTS_HZ[vowel], FORMANT_WIDTHS_HZ, FORMANT_GAINS, floor=0.02
            )
        for centre in self._voice.resonances_hz:
            amplitude *= _resonance_gain(partial_hz, (centre,), (centre / 3,), (1.5,), floor=1.0)
        spectrum = np.zeros(TABLE_SIZE // 2 + 1, np.complex128)
        phase = np.random.default_rng(count).uniform(0, 2 * np.pi, count)
        spectrum[1 : count + 1] = amplitude * np.exp(1j * phase)
        table = np.fft.irfft(spectrum, TABLE_SIZE)
        return (table / np.sqrt(np.mean(table**2))).astype(np.float32)


def _resonance_gain(
    frequency_hz: npt.NDArray[np.float64],
    centres_hz: tuple[float, ...],
    widths_hz: tuple[float, ...],
    gains: tuple[float, ...],
    *,
    floor: float,
) -> npt.NDArray[np.float64]:
    total = np.full_like(frequency_hz, floor)
    for centre, width, gain in zip(centres_hz, widths_hz, gains, strict=True):
        total += gain / (1.0 + ((frequency_hz - centre) / (width / 2)) ** 2)
    return total


def _play(
    note: Note,
    voice: Voice,
    tables: tuple[Audio, Audio],
    *,
    length: int,
    cents: float,
    rng: np.random.Generator,
) -> Audio:
    """Return one note of one player, `length` samples, with its envelope and its breath."""
    time_s = np.arange(length, dtype=np.float32) / np.float32(SAMPLE_RATE)
    step = midi_to_hz(note.midi + cents / 100.0) / SAMPLE_RATE
    phase = np.float64(rng.random()) + step * np.arange(length)
    if voice.vibrato_cents:
        phase += step * SAMPLE_RATE * _vibrato_s(voice, time_s, rng)
    index = (phase * TABLE_SIZE).astype(np.int64) % TABLE_SIZE
    blend = (0.3 + 0.7 * note.velocity) * np.exp(-time_s / np.float32(voice.brightness_s))
    dark, bright = tables
    tone = dark[index]
    tone += blend * (bright[index] - tone)
    if voice.breath:
        tone += voice.breath * _breath(length, midi_to_hz(note.midi), rng)
    tone *= _envelope(note, voice, time_s)
    if voice.click:
        onset = min(length, CLICK_SAMPLES)
        fall = np.exp(-np.arange(onset, dtype=np.float32) / (CLICK_SAMPLES / 6))
        level = np.float32(voice.click * note.velocity**2)
        tone[:onset] += level * fall * rng.standard_normal(onset, np.float32)
    return tone


def _vibrato_s(voice: Voice, time_s: Audio, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the integral of the relative frequency deviation, in seconds."""
    depth = 2.0 ** (voice.vibrato_cents / 1200.0) - 1.0
    rate = 2 * np.pi * voice.vibrato_hz * rng.uniform(0.9, 1.1)
    fade = 1.0 - np.exp(-time_s / 0.3)
    return np.asarray(depth * fade * np.sin(rate * time_s) / rate, np.float64)


def _envelope(note: Note, voice: Voice, time_s: Audio) -> Audio:
    rise = 1.0 - np.exp(-time_s / np.float32(voice.attack_s))
    body = voice.sustain + (1.0 - voice.sustain) * np.exp(-time_s / np.float32(voice.decay_s))
    overtime = np.maximum(time_s - np.float32(note.duration_s), 0.0)
    release = np.exp(-overtime / np.float32(voice.release_s))
    return np.asarray(note.velocity * rise * body * release, np.float32)


def _breath(length: int, frequency_hz: float, rng: np.random.Generator) -> Audio:
    noise = rng.standard_normal(length, np.float32)
    edges = [min(frequency_hz, 4000.0), 9000.0]
    return np.asarray(butterworth(noise, 1, edges, "bandpass", precision=np.float32), np.float32)


def _overdrive(audio: Audio, voice: Voice) -> Audio:
    peak = max(float(np.max(np.abs(audio))), 1e-6)
    driven = np.tanh(voice.drive * audio / np.float32(peak))
    edges = [90.0, voice.cabinet_hz]
    return np.asarray(butterworth(driven, 2, edges, "bandpass", precision=np.float32), np.float32)
