"""What the report says about a mix: settings in words, levels, and which tracks changed most."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.mixing.comparing.compare import Comparison, loudest_stretch
from diffmst_jax.mixing.comparing.heard import BURIED, estimated_audibility
from diffmst_jax.mixing.console.amount import Amounts, is_partial, parse_amount
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.limits import ENOUGH_STEPS
from diffmst_jax.mixing.finishing.output import Finished, shortfall_words
from diffmst_jax.mixing.refining.refine import Refinement
from diffmst_jax.mixing.rendering.reduction import (
    PASSAGE_S,
    gain_reduction_db,
    limiting_db,
    master_reduction_db,
)
from diffmst_jax.mixing.rendering.render import Rendered
from diffmst_jax.mixing.report.charts import MINUS, plain, signed
from diffmst_jax.mixing.report.equalizer_curve import EQUALIZER_HZ, IS_PLAIN, equalizer_curve
from diffmst_jax.mixing.report.page import ReportContent
from diffmst_jax.mixing.report.player import EXCERPT_S
from diffmst_jax.mixing.report.tracks import StripView
from diffmst_jax.mixing.report.verdict import PARTS_OF_ONE_SONG, total
from diffmst_jax.mixing.report.words import (
    balance_words,
    compressor_words,
    equalizer_words,
    hertz,
    listed,
    pan_words,
    reduction_words,
    significant,
)
from diffmst_jax.mixing.signals.measure import decibels, power_db, true_peak
from diffmst_jax.mixing.sources.copies import Copies
from diffmst_jax.mixing.sources.finding import matches
from diffmst_jax.mixing.sources.strips import strip_names
from diffmst_jax.mixing.sources.style import MATCHED_LUFS
from diffmst_jax.mixing.sources.tracks import AS_ASKED, Multitrack

SMALLEST_CHANGE = 1e-9
SMALL_MOVE_DB = 0.5
PAN_AS_DB = 6.0
"""A track moved from the centre to a side counts as much of a change as 6 dB."""


class MixFacts(NamedTuple):
    """Everything a report is made from.

    Attributes:
        song: name of the song.
        multitrack: the tracks.
        settings: the mix as settings.
        rendered: what the console gave.
        finished: the mix at its loudness.
        views: plain sum, equal loudness, the mix and the reference, compared.
        about: term and text pairs to list at the end.
        refinement: what refining did; None when it was not asked for.
        mono_references: names of the references that are mono.
        offset_references: how far the mean of those with a DC offset lies from zero, over the peak.
        is_saved_style: whether the first reference is of a saved style.
        refining: how refinement is asked for where the mix is made.
    """

    song: str
    multitrack: Multitrack
    settings: MixSettings
    rendered: Rendered
    finished: Finished
    views: Comparison
    about: Sequence[tuple[str, str]]
    refinement: Refinement | None = None
    mono_references: Sequence[str] = ()
    offset_references: Mapping[str, float] = MappingProxyType({})
    is_saved_style: bool = False
    refining: str = f"--refine {ENOUGH_STEPS}"


class StripMeasures(NamedTuple):
    """What was measured of one strip; the fields are those of `StripView`."""

    level_db: float
    share: float
    loudness_lufs: float
    equalizer_db: np.ndarray
    reduction_db: np.ndarray
    audibility: float


def report_content(facts: MixFacts) -> ReportContent:
    """Work out what the report shows."""
    settings, views = facts.settings, facts.views
    count = len(settings.strips)
    origin = settings.provenance
    strips = strip_views(facts)
    return ReportContent(
        song=facts.song,
        subtitle=(
            f"{count} track{'s' if count > 1 else ''} mixed in the style of {origin.reference}"
        ),
        views=views,
        excerpt_starts=(
            loudest_stretch(views.mix.step_powers, EXCERPT_S),
            loudest_stretch(views.reference.step_powers, EXCERPT_S),
        ),
        strips=strips,
        master=master_view(facts),
        numbers=_numbers(views, is_saved_style=facts.is_saved_style),
        warnings=[*warnings(facts), *buried(strips)],
        about=facts.about,
        refinement=facts.refinement,
        is_scaled=facts.refinement is not None and is_partial(origin.amount),
    )


def warnings(facts: MixFacts) -> list[str]:
    """Say what the user may not have expected."""
    settings = facts.settings
    heard = {strip.file for strip in settings.strips}
    texts = [
        f"{item.file} is mixed without one of its channels: {item.reason}."
        if item.file in heard
        else f"{item.file} was left out: {item.reason}."
        for item in settings.left_out
        if item.reason != AS_ASKED
    ]
    if asked := [item.file for item in settings.left_out if item.reason == AS_ASKED]:
        texts.append(f"{listed(asked)} {'was' if len(asked) == 1 else 'were'} left out, as asked.")
    if songs_s := facts.multitrack.songs_s:
        (first, first_s), (last, last_s) = songs_s.items()
        texts.append(
            f"All tracks of {first} end after {first_s:.1f} s and those of {last} after "
            f"{last_s:.1f} s: if these are songs of their own, mix them one by one."
        )
    if late_s := facts.multitrack.late_s:
        late = [f"{name} ({late_s[name]:.2f} s)" for name in late_s]
        texts.append(
            f"Time stamps put the start of {listed(late)} after that of the others; here all start "
            "together. Export them from one start on."
        )
    if offset := facts.multitrack.offset:
        far = [f"{name} ({100 * offset[name]:.0f} % of its peak)" for name in offset]
        texts.append(
            f"There is a DC offset in {listed(far)}; it goes into the mix, where it takes room "
            "from the sound and counts as level, width and balance though nobody hears it. Remove "
            "it and export again."
        )
    texts += [
        f"There is a DC offset in the reference {name} ({100 * share:.0f} % of its peak); it "
        "counts as level, width and balance though nobody hears it. Remove it and export again."
        for name, share in facts.offset_references.items()
    ]
    texts += map(_copies_words, facts.multitrack.copies)
    texts += [
        f"{name} is mono and counts as both channels: tracks are drawn to the middle, and "
        "stereo recordings keep what they have of width."
        for name in facts.mono_references
    ]
    distance = total(facts.views.mix)
    origin = settings.provenance
    is_whole = parse_amount(origin.amount) == Amounts()
    all_locked = all(matches(strip.file, origin.locked) for strip in settings.strips)
    may_help = is_whole and origin.refinement is None and not all_locked
    if distance > PARTS_OF_ONE_SONG and may_help:
        texts.append(
            f"The mix is still {significant(distance)} away from the reference, where two halves "
            f"of one finished song are about {PARTS_OF_ONE_SONG} apart; refine it "
            f"({facts.refining})."
        )
    if math.isinf(facts.finished.level.loudness_lufs):
        texts.append("The mix is silent.")
    return texts + shortfall_words(facts.finished.level, settings.target)


def _copies_words(copies: Copies) -> str:
    first, second = copies.names
    if first == second:
        return f"The channels of {first} cancel each other: invert one and export again."
    if copies.cancel:
        return f"{first} and {second} cancel each other: one is the other inverted. Undo that."
    return f"{first} and {second} are one recording: leave one out if that was not meant."


def buried(strips: Sequence[StripView]) -> list[str]:
    """Name tracks that are lost in the mix, the most audible of them last."""
    lost = [(s.audibility, s.name) for s in strips if s.audibility is not None]
    names = [name for audibility, name in sorted(lost) if audibility < BURIED]
    if not names:
        return []
    verb, whose = ("is", "its") if len(names) == 1 else ("are", "their")
    return [f"{listed(names)} {verb} hardly heard beside the others; raise {whose} input_gain_db."]


def strip_views(facts: MixFacts) -> list[StripView]:
    """Describe each strip, the one that changes the mix most first."""
    settings, multitrack = facts.settings, facts.multitrack
    recorded, wet = recorded_powers(multitrack), facts.rendered.strip_powers
    before = _share_db(recorded) + _total_power_db(facts.views.plain.audio)
    after = _share_db(wet) + _total_power_db(facts.views.mix.audio)
    level_db = after - before
    # A pair's loudness is its channels' mean, its power their sum.
    channels = np.array([len(strip.channels) for strip in settings.strips])
    loudness = multitrack.loudness_lufs + power_db(channels) + after - power_db(recorded)
    tracks = settings.params.tracks
    curves = np.asarray(jax.vmap(equalizer_curve)(tracks.equalizer))
    reduction = np.zeros((len(settings.strips), 0))
    if settings.config.track_compressor:
        reduction = gain_reduction_db(settings, multitrack)
    tone_db = np.mean(np.abs(curves), axis=1)
    moved_db = np.abs(level_db) + tone_db + 2 * PAN_AS_DB * np.abs(tracks.pan - 0.5)
    changes = moved_db * 10 ** (np.maximum(before, after) / 20)
    shares = changes / np.maximum(np.max(changes), SMALLEST_CHANGE)
    order = np.argsort(-shares, kind="stable")
    heard = estimated_audibility(settings, multitrack, wet)
    measured = zip(level_db, shares, loudness, curves, reduction, heard, strict=True)
    names = strip_names(settings.strips)
    views = [_strip_view(settings, i, names[i], StripMeasures(*m)) for i, m in enumerate(measured)]
    return [views[i] for i in order]


def _share_db(powers: np.ndarray) -> np.ndarray:
    """Each power over the sum of all, in dB."""
    return power_db(powers) - power_db(np.sum(powers, keepdims=True))


def _total_power_db(audio: np.ndarray) -> float:
    return float(power_db(np.sum(np.mean(np.square(audio), axis=1), keepdims=True))[0])


def recorded_powers(multitrack: Multitrack) -> np.ndarray:
    """Mean square of each strip as recorded, over its channels together, `(strips,)`."""
    powers = [float(np.mean(np.square(track))) for track in multitrack.audio]
    return multitrack.sum_per_strip(np.array(powers))


def _strip_view(
    settings: MixSettings,
    index: int,
    name: str,
    measured: StripMeasures,
) -> StripView:
    strip, params = settings.strips[index], settings.strip_params(index)
    position = float(params.pan)
    pan = tuple(float(p) for p in dsp.pair_positions(params.pan)) if strip.is_pair else (position,)
    rows = [("Level", _level_words(settings, index))]
    if settings.config.track_equalizer:
        rows.append(("Equalizer", equalizer_words(params.equalizer)))
    if settings.config.track_compressor:
        words = compressor_words(params.compressor)
        rows.append(("Compressor", words + reduction_words(measured.reduction_db)))
    rows.append(("Pan", f"pair, {pan_words(position)}" if strip.is_pair else pan_words(position)))
    if settings.config.reverb:
        rows.append(("Reverb", f"{signed(float(params.send_db))} dB sent"))
    return StripView(
        name=name,
        origin=strip.file + (", stereo" if strip.is_pair else ""),
        level_db=None if settings.muted[index] else measured.level_db,
        share=measured.share,
        pan=pan,
        loudness_lufs=-math.inf if settings.muted[index] else measured.loudness_lufs,
        equalizer_db=measured.equalizer_db if settings.config.track_equalizer else None,
        reduction_db=measured.reduction_db if settings.config.track_compressor else None,
        settings=tuple(rows),
        moved=_moved_most(measured, position),
        audibility=None if settings.muted[index] else measured.audibility,
    )


def _moved_most(measured: StripMeasures, position: float) -> str:
    """Say what was done to a track most, in words; the unit of comparison is a decibel."""
    level, curve = float(measured.level_db), measured.equalizer_db
    top = int(np.argmax(np.abs(curve) * IS_PLAIN))
    reduced = -float(np.min(measured.reduction_db, initial=0.0))
    choices = [
        (abs(level), f"{abs(level):.1f} dB {'louder' if level > 0 else 'quieter'}"),
        (abs(curve[top]), f"{signed(float(curve[top]))} dB at {hertz(EQUALIZER_HZ[top])}"),
        (2 * PAN_AS_DB * abs(position - 0.5), f"moved {pan_words(position)}"),
        (reduced / 2, f"compressed by up to {reduced:.1f} dB"),
    ]
    most, words = max(choices)
    return words if most >= SMALL_MOVE_DB else "hardly changed"


def _level_words(settings: MixSettings, index: int) -> str:
    if settings.muted[index]:
        return "muted"
    fader = float(settings.params.tracks.input_gain_db[index])
    return f"recording {signed(float(settings.source_gain_db[index]))} dB, input {signed(fader)} dB"


def master_view(facts: MixFacts) -> StripView:
    """Describe the master bus, and the limiter that ends the chain."""
    settings, finished = facts.settings, facts.finished
    start = loudest_stretch(facts.views.mix.step_powers, PASSAGE_S)
    limited = limiting_db(facts.rendered.mix, finished.audio, finished.level.gain_db, start)
    # Of the whole song, as the report says elsewhere; what is drawn goes by the samples' peaks.
    most = reduction_words(np.array([-finished.level.limiting_db]))
    limiter = f"at {plain(settings.target.ceiling_dbtp)} dBTP{most}"
    empty = StripView(
        "Off", "the mix is the sum of the tracks", None, 0.0, (), 0.0, None, None,
        (("Limiter", limiter),), limiting_db=limited,
    )  # fmt: skip
    if not settings.config.master_bus:
        return empty
    master = settings.params.master_bus
    levels = (signed(float(master.input_fader_db)), signed(float(master.output_fader_db)))
    reduction = master_reduction_db(settings, facts.multitrack, start)
    compressor = compressor_words(master.compressor) + reduction_words(reduction)
    return empty._replace(
        name="Master bus",
        origin="after the sum of all tracks",
        equalizer_db=np.asarray(equalizer_curve(master.equalizer)),
        reduction_db=reduction,
        settings=(
            ("Faders", f"in {levels[0]} dB, out {levels[1]} dB"),
            ("Equalizer", equalizer_words(master.equalizer)),
            ("Compressor", compressor),
            *empty.settings,
        ),
    )


def _numbers(views: Comparison, *, is_saved_style: bool) -> list[tuple[str, list[str]]]:
    loudness = [f"{MATCHED_LUFS - v.gain_db:.1f} LUFS".replace("-", MINUS) for v in views]
    peaks = [f"{signed(decibels(true_peak(v.audio)) - v.gain_db)} dBTP" for v in views]
    if is_saved_style:
        # The excerpt in the file has a loudness that saving gave it.
        loudness[-1] = peaks[-1] = "not in a saved style"
    features = [view.features for view in views]
    return [
        ("Integrated loudness as it is", loudness),
        ("True peak as it is", peaks),
        ("Crest factor", [f"{float(np.mean(f.crest_factor_db)):.1f} dB" for f in features]),
        ("Side against mid", [f"{100 * float(f.stereo_width):.1f} %" for f in features]),
        ("Balance", [balance_words(float(f.stereo_imbalance)) for f in features]),
    ]
