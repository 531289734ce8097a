"""What a session says otherwise than the console, in words: nothing is lost in silence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.export.labels import MIX_NAME, label
from diffmst_jax.export.leaning import leans
from diffmst_jax.export.media import Media
from diffmst_jax.export.session import (
    ONE_POLE,
    THRESHOLDS_EVERYWHERE_DB,
    Session,
    sends_over_faders_db,
    thresholds_beyond,
)
from diffmst_jax.mixing.report.words import pan_words
from dsp.equalizer import CONSOLE_BANDS

BAND_NAMES = {"low_shelf": "low shelf", "peaking": "peak", "high_shelf": "high shelf"}

PRINTED_NOTE = (
    "Equalizers and compressors of the tracks are in the audio, as asked; faders, pans and the "
    "master are the session's."
)

SILENT_NOTE = "The mix is silent, so faders are at the console's own level."


def dawproject_notes(session: Session, media: Sequence[Media], limiting_db: float) -> list[str]:
    """What the DAWproject format cannot say, and how it is carried instead."""
    notes = [*_common(session, media)]
    softer_db = sends_over_faders_db(session)
    if softer_db > 0:
        notes.append(
            f"Sends above +6 dB: all sends are {softer_db:.1f} dB lower, the bus as much higher."
        )
    compressors = [*(track.compressor for track in session.tracks), session.master.compressor]
    if any(c is not None and c.ratio > 1 for c in compressors):
        notes.append(
            "The format has no place for compressor knees (they are in notes.txt). The "
            "workstation's compressor has a knee of its own, and its own way of measuring level "
            "and time."
        )
    lookahead_ms = max(session.config.track_lookahead_ms, session.config.master_lookahead_ms)
    if lookahead_ms > 0:
        notes.append(
            "The format has no place for the compressors' lookahead "
            f"({_ms(session.config.track_lookahead_ms)} on tracks, "
            f"{_ms(session.config.master_lookahead_ms)} on the master). Set it in the "
            "workstation's compressors if they have it, and compare with the finished mix."
        )
    notes.append(
        f"The finished mix is on a muted track, {MIX_NAME!r}, to compare with: play it alone and "
        "with the master's devices off, for it has passed them."
    )
    leaning = _named(session, leans)
    if leaning:
        notes.append(
            f"Stereo pairs that lean ({leaning}): the console moves the far channel over; "
            "a balance would only turn it down. So the lean is in the audio file, before the "
            "track's compressor instead of after it, and the track's balance is in the centre."
        )
    beyond = thresholds_beyond(session)
    if beyond:
        low, high = THRESHOLDS_EVERYWHERE_DB
        notes.append(
            f"{_list(beyond)}: the compressor's threshold is outside {low:g} to {high:g} dB, where "
            "a workstation may stop it."
        )
    if not all(track.is_stereo for track in session.tracks):
        notes.append(
            "Positions of mono tracks are for the equal-power law with -3 dB in the centre "
            "(Studio One's, and Cubase's default)."
        )
    notes.append(
        f"The limiter at the end is the workstation's own; in the mix it turned peaks down by "
        f"{limiting_db:.1f} dB at most."
    )
    return notes


def reaper_notes(session: Session, media: Sequence[Media]) -> list[str]:
    """What the REAPER session does otherwise than the console."""
    notes = [*_common(session, media)]
    if not session.config.is_streamable:
        notes.append(
            "The console of this mix samples its filters (for parity with another program); the "
            "effects here run them exactly, which differs slightly."
        )
    notes.append(
        "The effects are the files in Effects/diffmst: REAPER needs them in its own Effects folder "
        "(Options > Show REAPER resource path), or export with --install."
    )
    return notes


def settings_table(session: Session, pans: Sequence[float] | None = None) -> str:
    """Every setting as text, for a workstation that leaves some of them out.

    Args:
        session: as it is written.
        pans: of the tracks in the mix; where a pair's is another, its file leans already.
    """
    blocks = []
    placed = [track.pan for track in session.tracks] if pans is None else pans
    for name, track, pan in zip(session.names, session.tracks, placed, strict=True):
        where = f"{'leans' if track.is_stereo else 'pan'} {pan_words(pan)}"
        where += "" if pan == track.pan else " in its file"
        head = f"{name}: fader {track.fader_db:+.2f} dB, {where}"
        if track.send_db is not None:
            head += f", send {track.send_db:+.2f} dB"
        blocks.append(_block(head + (", muted" if track.muted else ""), track))
    blocks.append(
        _block(f"Master: limiter at {session.master.ceiling_dbtp:g} dBTP", session.master)
    )
    return "\n".join(blocks)


def notes_text(
    session: Session, title: str, notes: Sequence[str], pans: Sequence[float] | None = None
) -> str:
    """Put everything there is to say about a session into one text; `pans` as `settings_table`."""
    lines = [f"{title}. {label(session.provenance)}.", "", *(f"- {note}" for note in notes)]
    return "\n".join([*lines, "", "Settings", "", settings_table(session, pans), ""])


def _common(session: Session, media: Sequence[Media]) -> list[str]:
    notes = [
        "Faders hold the console's input gains, and thresholds are for recordings at their own "
        "level: the same mix, with gains staged as in a workstation."
    ]
    if session.config.ballistics in ONE_POLE:
        notes.append(
            "Compressors of this mix have one time for attack and release: it is in both settings."
        )
    loud = _named(session, lambda t: t.output_gain_db > 0)
    if loud:
        most_db = max(track.output_gain_db for track in session.tracks)
        notes.append(
            f"{loud}: gain over the fader's +6 dB stands behind the compressor, as output gain "
            f"({most_db:.1f} dB at most)."
        )
    if session.reverb is not None:
        notes.append(
            "The reverb is printed on a track of its own. The sends are there too, into a muted "
            "bus: to change them, mute the print, put a convolution reverb with the impulse "
            "response on the bus, fully wet, and unmute it."
        )
    converted = [item.name for item in media if item.subtype and item.audio is None]
    if converted:
        notes.append(
            f"{_list(converted)}: written as WAV, because workstations differ in how they read "
            "such recordings, or one channel of a file."
        )
    rates = {item.sample_rate for item in media}
    if rates != {SAMPLE_RATE}:
        notes.append(
            f"Recordings keep their sample rates ({', '.join(f'{r} Hz' for r in sorted(rates))}); "
            f"settings are for a session at {SAMPLE_RATE} Hz."
        )
    if session.left_out:
        out = [f"{item.file} ({item.reason})" for item in session.left_out]
        notes.append(f"Left out: {', '.join(out)}.")
    return notes


def _block(head: str, chain: Any) -> str:
    lines = [head]
    if chain.equalizer is not None:
        rows = zip(CONSOLE_BANDS, *chain.equalizer, strict=True)
        bands = [
            f"{BAND_NAMES[kind]} {frequency:.0f} Hz {gain:+.2f} dB Q {q:.2f}"
            for kind, gain, frequency, q in rows
        ]
        lines.append("  equalizer   " + "; ".join(bands))
    if chain.compressor is not None:
        c = chain.compressor
        output_db = c.makeup_gain_db + getattr(chain, "output_gain_db", 0.0)
        lines.append(
            f"  compressor  threshold {c.threshold_db:.2f} dB, ratio {c.ratio:.2f}:1, attack "
            f"{c.attack_ms:.1f} ms, release {c.release_ms:.1f} ms, knee {c.knee_db:.1f} dB, "
            f"output {output_db:+.2f} dB"
        )
    return "\n".join(lines)


def _named(session: Session, is_meant: Any) -> str:
    return _list(
        [name for name, t in zip(session.names, session.tracks, strict=True) if is_meant(t)]
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _ms(time_ms: float) -> str:
    return f"{np.round(time_ms, 1):g} ms"
