"""A model ready for use: audio of any length and any number of tracks in, controls out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

import dsp
from diffmst_jax.controls import Controls, logistic_mean
from diffmst_jax.losses import StyleFeatures, joined_features, no_narrower
from diffmst_jax.models.build import DiffMstModel
from diffmst_jax.models.compact.listening import listen, rounds_for
from diffmst_jax.models.compact.network import CompactModel
from diffmst_jax.models.compact.picture import Mix
from diffmst_jax.models.compact.starting_point import resting_mix, start_from, wanted_picture
from diffmst_jax.models.compact.style_spectrum import measured_style
from diffmst_jax.models.compact.windows import (
    MAXIMUM_WINDOWS,
    Windows,
    choose_windows,
    covering_windows,
    excerpt,
)
from diffmst_jax.models.config import CompactConfig, ModelConfig
from diffmst_jax.models.given import (
    check_per_track,
    check_reference,
    check_tracks,
    padded_count,
    pair_gains_db,
    stacked,
    whole_pairs,
)
from diffmst_jax.models.levels import TRACK_LUFS, normalize_reference, normalize_tracks
from dsp.loudness import ABSOLUTE_GATE_LUFS

INPUT_GAIN = 0  # its place among the controls of a track
SEGMENTS = 4  # of an excerpt, in each of which a mix is to be right too
SEGMENTED_FROM = 2.0  # windows of song: quarters of less are too short to be parts of one


@dataclass(frozen=True)
class _Song:
    """Checked input, NumPy. Tracks are levelled where they are heard: a copy of all is large.

    Attributes:
        tracks: the audible tracks as given, `(audible tracks, time)`.
        gains: what brings each to the model's level, `(audible tracks, 1)`; both channels of a
            pair have the same, so that the recording keeps its image.
        side: -1 and 1 for the channels of a pair, else 0, `(audible tracks,)`.
        reference: at the model's level, `(2, time)`.
        audible: which of the given tracks are in `tracks`, bool `(tracks,)`.
        centring: what it costs each to leave the middle, `(audible tracks,)`.
    """

    tracks: np.ndarray
    gains: np.ndarray
    side: np.ndarray
    reference: np.ndarray
    audible: np.ndarray
    centring: np.ndarray


class Model:
    """A trained model and its configuration.

    Attributes:
        config: what the model is.
        module: the Flax module, in evaluation mode.
        console: the console that its controls are for.
        name: that of the folder it was loaded from, to be noted in what it is used for.
    """

    def __init__(
        self,
        config: ModelConfig,
        module: DiffMstModel,
        console: dsp.ConsoleConfig,
        name: str = "",
    ) -> None:
        module.eval()
        self.name = name
        self.console = console
        self.config = config
        self.module = module
        graph, self._weights = nnx.split(module)
        self._predict = jax.jit(lambda weights, *audio: nnx.merge(graph, weights)(*audio))

        def listening(
            weights: nnx.State,
            segments: int,
            centring: Array,
            style: StyleFeatures | None,
            *audio: Array,
        ) -> Controls:
            whole = nnx.merge(graph, weights)
            return predict_and_listen(
                whole, console, *audio, centring=centring, segments=segments, style=style
            )

        self._listen = jax.jit(listening, static_argnums=1)
        rate = config.sample_rate
        # Without its audio, which is not needed and as large as the song.
        self._track_level = jax.jit(
            lambda x: normalize_tracks(x, sample_rate=rate)._replace(audio=jnp.zeros(()))
        )
        self._measure_style = jax.jit(partial(measured_style, sample_rate=rate))
        self._level_reference = jax.jit(lambda x: normalize_reference(x, sample_rate=rate))

    def controls(
        self,
        tracks: Array | np.ndarray | Sequence[np.ndarray],
        reference: Array | np.ndarray,
        *,
        sample_rate: int = 0,
        side: Array | np.ndarray | None = None,
        loudness_lufs: np.ndarray | None = None,
        centring: np.ndarray | None = None,
        style: StyleFeatures | None = None,
    ) -> Controls:
        """Predict console controls that mix `tracks` in the style of `reference`.

        Tracks are brought to -48 LUFS each (both channels of a stereo recording by one gain, for
        the mean of their energies) and the reference to -16 LUFS first, so the level of
        either does not matter, and the settings are for tracks at -48 LUFS (`normalize_tracks`).
        The compact model hears of a song longer than four of its windows an excerpt that stands for
        all of it (`windows`), mixes it, and corrects its answer by what the mix measures
        (`listening`); it aims at the style of all of the reference. The paper's model is asked
        about up to four windows, chosen so that every track is heard in one, and its answers are
        averaged. Tracks that are silent (below -70 LUFS) get neutral controls, but for the mean
        level of the others: they may play elsewhere in the song.

        Args:
            tracks: mono tracks, float `(tracks, time)`, or one array `(time,)` each, shorter ones
                then padded with silence; each channel of a stereo recording is a track.
            reference: a mix, float `(2, any time)`; `(1, time)` counts as both channels.
            sample_rate: samples per second of both, if the caller wants it checked.
            side: `(tracks,)`, -1 and 1 for the left and right channel of a stereo recording, which
                are neighbours, else 0. The compact model gives such a pair one setting, and
                positions that make it lean (`dsp.pair_positions`). Without it all are mono.
            loudness_lufs: `(tracks,)`, integrated loudness of each if it is known, both channels
                of a stereo recording may have that of the strip; to measure it takes more time and
                memory than all else.
            centring: `(tracks,)`, what it costs each to leave the middle, in audio-feature loss
                per square of 0.15 of the range of positions, the mean over tracks; 0 for nothing,
                infinite where it stays there, and above 1 as at 1; both channels of a stereo
                recording alike. The compact model then makes the style of the others; the paper's
                does not know of it.
            style: to aim at instead of the reference's, such as the mean of several; see `style`.

        Returns:
            Controls in [0, 1]: track `(tracks, 27)`, fx_bus `(25,)`, master `(26,)`.

        Raises:
            ValueError: wrong shape, type or rate; samples that are not finite or beyond 200 dB over
                full scale; the reference is silent or too short; no track is audible; the weights
                lead to settings that are not finite; a style for a model that aims at none.
        """
        if style is not None and not self.aims_at_style:
            raise ValueError("style: this model hears a reference, and aims at no style")
        if style is not None and not isinstance(style, StyleFeatures):
            raise ValueError(f"style: of {type(style).__name__}, expected what `style` answers")
        if sample_rate not in (0, self.config.sample_rate):
            raise ValueError(
                f"audio at {sample_rate} Hz: this model works at {self.config.sample_rate} Hz"
            )
        rows = stacked(tracks)
        sides = np.zeros(len(rows)) if side is None else np.asarray(side)
        check_per_track(len(rows), side=sides, loudness_lufs=loudness_lufs, centring=centring)
        song = self._song(rows, np.asarray(reference), sides, loudness_lufs, centring)
        if self.aims_at_style:
            mean = self._answer_excerpt(song, style)
        else:
            mean = self._answer_windows(song)
        unheard = np.array(_neutral_track(self.config.sample_rate))
        unheard[INPUT_GAIN] = np.mean(mean.track[:, INPUT_GAIN])
        track = np.tile(unheard, (len(song.audible), 1))
        track[song.audible] = mean.track
        answer = mean._replace(track=jnp.asarray(track))
        if not all(np.isfinite(group).all() for group in answer):
            raise ValueError("model: settings that are not finite, expected usable weights")
        return answer

    def _answer_excerpt(self, song: _Song, style: StyleFeatures | None) -> Controls:
        length = self.config.window_samples
        # Rounding grows while it listens, so tracks are heard in an order of their own.
        order = np.argsort(song.gains[:, 0], kind="stable")
        unheard = padded_count(len(order)) - len(order)
        tracks = excerpt(song.tracks, length=length, order=order, rows=len(order) + unheard)
        tracks[: len(order)] *= song.gains[order]
        differs = song.tracks.shape[1] >= SEGMENTED_FROM * length
        answer = jax.device_get(
            self._listen(
                self._weights,
                SEGMENTS if differs else 0,
                np.pad(song.centring[order], (0, unheard)),
                self._style(song.reference) if style is None else style,
                tracks,
                excerpt(song.reference, length=length),
                np.pad(np.ones(len(order), bool), (0, unheard)),
                np.pad(song.side[order], (0, unheard)),
            )
        )
        return answer._replace(track=answer.track[np.argsort(order)])

    def style(self, reference: Array | np.ndarray) -> StyleFeatures:
        """What `controls` aims at beside a reference, as for `controls`, if it `aims_at_style`."""
        leveled = np.asarray(self._level_reference(check_reference(np.asarray(reference))).audio)
        if (whole := self._style(leveled)) is not None:
            return whole
        heard = excerpt(leveled, length=self.config.window_samples)
        return no_narrower(jax.device_get(self._measure_style(heard)))

    def _style(self, reference: np.ndarray) -> StyleFeatures | None:
        """Style to aim at, of all of a reference; None of a short one, which is heard as it is."""
        length = self.config.window_samples
        if reference.shape[1] < MAXIMUM_WINDOWS * length:
            return None
        windows, lengths = covering_windows(reference, length)
        whole = joined_features(
            [jax.device_get(self._measure_style(window)) for window in windows], lengths
        )
        return no_narrower(whole)

    def _answer_windows(self, song: _Song) -> Controls:
        windows = choose_windows(song.tracks, song.reference, length=self.config.window_samples)
        return _average([self._answer(song, start) for start in windows.starts], windows)

    def _answer(self, song: _Song, start: tuple[int, int]) -> Controls:
        length, count = self.config.window_samples, len(song.tracks)
        padding = padded_count(count) - count
        tracks = song.tracks[:, start[0] : start[0] + length] * song.gains
        mask = np.pad(np.ones(count, bool), (0, padding))
        batch = (
            np.pad(tracks, ((0, padding), (0, 0)))[None],
            song.reference[None, :, start[1] : start[1] + length],
            mask[None],
        )
        answer = jax.device_get(self._predict(self._weights, *batch))
        return Controls(answer.track[0, :count], answer.fx_bus[0], answer.master[0])

    def _song(
        self,
        tracks: np.ndarray,
        reference: np.ndarray,
        side: np.ndarray,
        loudness_lufs: np.ndarray | None,
        centring: np.ndarray | None,
    ) -> _Song:
        reference = check_reference(reference)
        tracks = check_tracks(tracks)
        shortest = self.shortest_samples
        if reference.shape[1] < shortest:
            raise ValueError(
                f"reference: {reference.shape[1]} samples, expected at least {shortest} "
                f"({shortest / self.config.sample_rate:.2f} s)"
            )
        if tracks.shape[1] < shortest:
            tracks = np.pad(tracks, ((0, 0), (0, shortest - tracks.shape[1])))
        if loudness_lufs is None:
            # One track at a time: over all at once the filter takes several times the song's size.
            levels = [jax.device_get(self._track_level(track[None])) for track in tracks]
            gain_db = np.array([level.gain_db[0] for level in levels])
            audible = np.array([level.audible[0] for level in levels])
        else:
            audible = np.asarray(loudness_lufs) > ABSOLUTE_GATE_LUFS
            gain_db = np.where(audible, TRACK_LUFS - np.asarray(loudness_lufs), 0.0)
        level_reference = self._level_reference(reference)
        if not level_reference.audible:
            raise ValueError("reference: silent (below -70 LUFS), expected an audible mix")
        if not audible.any():
            raise ValueError("tracks: all silent (below -70 LUFS), expected an audible one")
        pairs = whole_pairs(side, audible)
        shared_db = pair_gains_db(gain_db[audible], pairs)
        gains = (10.0 ** (shared_db[:, None] / 20.0)).astype(np.float32)
        heard = tracks if audible.all() else tracks[audible]
        price = np.zeros(len(audible)) if centring is None else np.asarray(centring)
        leveled = np.asarray(level_reference.audio)
        return _Song(heard, gains, pairs, leveled, audible, price[audible].astype(np.float32))

    @property
    def aims_at_style(self) -> bool:
        """Whether it solves for measured features, so that several references can be one aim."""
        return isinstance(self.config.encoder, CompactConfig)

    @property
    def shortest_samples(self) -> int:
        """Shortest reference that can be analysed; shorter tracks are padded with silence."""
        return self.config.shortest_samples


@partial(jax.jit, static_argnums=0)
def _neutral_track(sample_rate: int) -> Array:
    """Controls of a track to which nothing is done, `(27,)`."""
    neutral = dsp.neutral_console(1, sample_rate=sample_rate)
    return dsp.console_controls(neutral, sample_rate=sample_rate)[0][0]


def predict_and_listen(
    module: CompactModel,
    console: dsp.ConsoleConfig,
    tracks: Array,
    reference: Array,
    mask: Array,
    side: Array,
    *,
    centring: Array,
    segments: int,
    style: StyleFeatures | None,
) -> Controls:
    """Controls of one song, corrected by what its mix measures.

    See `CompactModel.measure` and `listen`. `style` is that of all of a reference of which only an
    excerpt is heard.
    """
    rate = module.config.sample_rate
    batch = (part[None] for part in (tracks, reference, mask, side))
    measured = module.measure(*batch, segments=segments)
    if style is not None:
        measured = measured._replace(reference=jax.tree.map(lambda leaf: leaf[None], style))
    one = jax.tree.map(lambda leaf: leaf[0], measured)
    wanted = wanted_picture(one.reference)
    heard = one.heard._replace(centring=centring)

    def adjust(solution: Mix) -> Controls:
        start = start_from(solution, heard, wanted, rate)
        answers = module.adjusted(measured, jax.tree.map(lambda leaf: leaf[None], start))
        return Controls(*(answer[0] for answer in answers))

    return listen(
        heard,
        wanted,
        resting_mix(one.track, mask, heard.side, one.reference, rate),
        adjust,
        tracks,
        one.reference,
        console,
        sample_rate=rate,
        rounds=rounds_for(tracks.shape[1], full=MAXIMUM_WINDOWS * module.config.window_samples),
    )


def _average(answers: list[Controls], windows: Windows) -> Controls:
    """Mean on the logistic scale over windows, each track weighed by its energy in the window."""
    equal = np.full(len(answers), 1.0 / len(answers))
    return Controls(
        track=logistic_mean([a.track for a in answers], windows.weights),
        fx_bus=logistic_mean([a.fx_bus for a in answers], equal),
        master=logistic_mean([a.master for a in answers], equal),
    )
