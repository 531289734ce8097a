"""A model ready for use: audio of any length and any number of tracks in, controls out."""

import logging
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

import dsp
from diffmst_jax.models.build import DiffMstModel
from diffmst_jax.models.cnn14 import minimum_samples
from diffmst_jax.models.config import Cnn14Config, ModelConfig
from diffmst_jax.models.controls import Controls
from diffmst_jax.models.levels import normalize_reference, normalize_tracks
from diffmst_jax.models.windows import Windows, choose_windows
from dsp.loudness import MOMENTARY_S

log = logging.getLogger(__name__)

TRACK_COUNTS = (8, 16, 24, 32, 48, 64)  # tracks are padded to one of these: few shapes to compile
MORE_TRACKS_STEP = 16  # beyond the largest
CONTROL_FLOOR = 1e-6  # keeps logits of controls finite when windows are averaged


@dataclass(frozen=True)
class _Heard:
    """Checked input at the model's levels, NumPy: tracks and reference, and who is audible."""

    tracks: np.ndarray
    reference: np.ndarray
    audible: np.ndarray


class Model:
    """A trained model and its configuration.

    Attributes:
        config: what the model is.
        module: the Flax module, in evaluation mode.
        console: the console that its controls are for.
    """

    def __init__(
        self,
        config: ModelConfig,
        module: DiffMstModel,
        console: dsp.ConsoleConfig,
    ) -> None:
        module.eval()
        self.console = console
        self.config = config
        self.module = module
        graph, self._weights = nnx.split(module)
        self._predict = jax.jit(lambda weights, *audio: nnx.merge(graph, weights)(*audio))
        rate = config.sample_rate
        self._level_tracks = jax.jit(lambda x: normalize_tracks(x, sample_rate=rate))
        self._level_reference = jax.jit(lambda x: normalize_reference(x, sample_rate=rate))

    def controls(
        self, tracks: Array | np.ndarray, reference: Array | np.ndarray, *, sample_rate: int = 0
    ) -> Controls:
        """Predict console controls that mix `tracks` in the style of `reference`.

        Tracks are brought to -48 LUFS each and the reference to -16 LUFS first, so the level of
        either does not matter, and the settings are for tracks at -48 LUFS (`normalize_tracks`).
        Songs longer than the model's window are heard through up to four windows, chosen so that
        every track is heard in one, and the answers are averaged. Tracks that are silent (below
        -70 LUFS) get neutral controls.

        Args:
            tracks: mono tracks, float `(tracks, time)`; each channel of a stereo recording is one.
            reference: a mix, float `(2, any time)`; `(1, time)` counts as both channels.
            sample_rate: samples per second of both, if the caller wants it checked.

        Returns:
            Controls in [0, 1]: track `(tracks, 27)`, fx_bus `(25,)`, master `(26,)`.

        Raises:
            ValueError: wrong shape, type or rate; NaN or infinite samples; the reference is silent
                or too short; no track is audible.
        """
        if sample_rate not in (0, self.config.sample_rate):
            raise ValueError(
                f"audio at {sample_rate} Hz: this model works at {self.config.sample_rate} Hz"
            )
        heard = self._hear(np.asarray(tracks), np.asarray(reference))
        present = np.flatnonzero(heard.audible)
        windows = choose_windows(
            heard.tracks[present], heard.reference, length=self.config.window_samples
        )
        answers = [self._answer(heard, present, start) for start in windows.starts]
        neutral = dsp.neutral_console(len(heard.audible), sample_rate=self.config.sample_rate)
        controls = Controls(*dsp.console_controls(neutral, sample_rate=self.config.sample_rate))
        mean = _average(answers, windows)
        return mean._replace(track=controls.track.at[present].set(mean.track))

    def _answer(self, heard: _Heard, present: np.ndarray, start: tuple[int, int]) -> Controls:
        length = self.config.window_samples
        padding = padded_count(len(present)) - len(present)
        tracks = heard.tracks[present, start[0] : start[0] + length]
        mask = np.pad(np.ones(len(present), bool), (0, padding))
        batch = (
            np.pad(tracks, ((0, padding), (0, 0)))[None],
            heard.reference[None, :, start[1] : start[1] + length],
            mask[None],
        )
        answer = jax.device_get(self._predict(self._weights, *batch))
        return Controls(answer.track[0, : len(present)], answer.fx_bus[0], answer.master[0])

    def _hear(self, tracks: np.ndarray, reference: np.ndarray) -> _Heard:
        reference = check_reference(reference)
        tracks = check_tracks(tracks)
        shortest = self.shortest_samples
        if reference.shape[1] < shortest:
            raise ValueError(
                f"reference: {reference.shape[1]} samples, expected at least {shortest} "
                f"({shortest / self.config.sample_rate:.2f} s)"
            )
        time = max(tracks.shape[1], shortest)
        count = padded_count(len(tracks))
        padded = np.pad(tracks, ((0, count - len(tracks)), (0, time - tracks.shape[1])))
        level = self._level_tracks(padded)
        audible = np.asarray(level.audible)[: len(tracks)]
        level_reference = self._level_reference(reference)
        if not level_reference.audible:
            raise ValueError("reference: silent (below -70 LUFS), expected an audible mix")
        if not audible.any():
            raise ValueError("tracks: all silent (below -70 LUFS), expected an audible one")
        return _Heard(np.asarray(level.audio), np.asarray(level_reference.audio), audible)

    @property
    def shortest_samples(self) -> int:
        """Shortest reference that can be analysed; shorter tracks are padded with silence."""
        encoder = self.config.encoder
        frame = minimum_samples(encoder) if isinstance(encoder, Cnn14Config) else encoder.n_fft
        return max(frame, round(MOMENTARY_S * self.config.sample_rate))


def padded_count(tracks: int) -> int:
    """Smallest count to pad a number of tracks to."""
    for count in TRACK_COUNTS:
        if tracks <= count:
            return count
    return -(-tracks // MORE_TRACKS_STEP) * MORE_TRACKS_STEP


def check_tracks(tracks: np.ndarray) -> np.ndarray:
    """Return usable tracks as float32 `(tracks, time)`.

    Raises:
        ValueError: anything else than finite floating-point samples in that shape.
    """
    if tracks.ndim != 2 or tracks.shape[0] == 0 or tracks.shape[1] == 0:
        raise ValueError(f"tracks: shape {tracks.shape}, expected (tracks, time)")
    _check_samples(tracks, "track")
    return tracks.astype(np.float32)


def check_reference(reference: np.ndarray) -> np.ndarray:
    """Return a usable reference as float32 `(2, time)`; mono is doubled and noted in the log.

    Raises:
        ValueError: anything else than finite floating-point samples in one or two channels.
    """
    if reference.ndim != 2 or reference.shape[0] not in (1, 2):
        raise ValueError(f"reference: shape {reference.shape}, expected (2, time) or (1, time)")
    _check_samples(reference, "reference channel")
    if reference.shape[0] == 1:
        log.warning("The reference is mono: it counts as both channels, so the mix will be narrow.")
        reference = np.repeat(reference, 2, axis=0)
    return reference.astype(np.float32)


def _check_samples(audio: np.ndarray, what: str) -> None:
    if not np.issubdtype(audio.dtype, np.floating):
        raise ValueError(f"{what}s: {audio.dtype} samples, expected floating point in [-1, 1]")
    broken = np.flatnonzero(~np.isfinite(audio).all(axis=1))
    if broken.size:
        raise ValueError(f"{what} {broken[0]}: NaN or infinite samples, expected finite ones")


def _average(answers: list[Controls], windows: Windows) -> Controls:
    """Mean on the logistic scale over windows, each track weighed by its energy in the window."""
    equal = np.full(len(answers), 1.0 / len(answers))
    return Controls(
        track=_weighted([a.track for a in answers], windows.weights[..., None]),
        fx_bus=_weighted([a.fx_bus for a in answers], equal[:, None]),
        master=_weighted([a.master for a in answers], equal[:, None]),
    )


def _weighted(controls: list[Array], weights: np.ndarray) -> Array:
    p = np.clip(np.asarray(controls, np.float64), CONTROL_FLOOR, 1.0 - CONTROL_FLOOR)
    mean = np.sum(weights * (np.log(p) - np.log1p(-p)), axis=0)
    return jnp.asarray(1.0 / (1.0 + np.exp(-mean)), jnp.float32)
