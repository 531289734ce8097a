import json
import shutil
from typing import Any

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, audio_info
from diffmst_jax.data.check import check_corpus
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.data.synthesis import synthesize_corpus, synthesize_song
from diffmst_jax.data.synthesis.corpus import GENERATOR_VERSION
from diffmst_jax.data.synthesis.drums import PATTERNS
from diffmst_jax.data.synthesis.engineer import CEILING
from diffmst_jax.data.synthesis.instruments import DRUM_TRACKS, INSTRUMENTS, cast
from diffmst_jax.data.synthesis.parts import arpeggio, bass_line, melody
from diffmst_jax.data.synthesis.plan import SCALES, TEMPO_BPM, Note, plan_song
from diffmst_jax.data.synthesis.raw import PEAK_DBFS, SPILL_DB, record_song, spill
from diffmst_jax.data.synthesis.tastes import TASTES, draw_engineer
from diffmst_jax.data.synthesis.tones import A4_MIDI, Voice, midi_to_hz, render_notes
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.signals.measure import integrated_loudness

SHORT: Any = {"tracks": (3, 5), "duration_s": 4.0}


@pytest.fixture(scope="module")
def song():
    return synthesize_song(3, **SHORT)


def test_same_seed_same_song_other_seed_other_song(song):
    again = synthesize_song(3, **SHORT)
    assert list(again.tracks) == list(song.tracks)
    for name, audio in song.tracks.items():
        np.testing.assert_array_equal(again.tracks[name], audio)
    np.testing.assert_array_equal(again.reference, song.reference)
    other = synthesize_song(4, **SHORT)
    assert not np.array_equal(other.reference, song.reference)


def test_finished_mix_is_loud_stereo_and_below_the_ceiling(song):
    assert song.reference.shape == (2, round(SHORT["duration_s"] * SAMPLE_RATE))
    assert np.max(np.abs(song.reference)) <= CEILING + 1e-6
    assert -20 < integrated_loudness(song.reference, sample_rate=SAMPLE_RATE) < -7
    assert not np.allclose(song.reference[0], song.reference[1], atol=1e-3)


@pytest.mark.parametrize("count", [2, 4, 12, 24])
def test_songs_have_the_tracks_asked_for_at_recording_levels(count):
    raw = record_song(np.random.default_rng(count), track_count=count, duration_s=4.0)
    assert len(raw.tracks) == count
    assert set(raw.roles) == set(raw.tracks)
    for audio in raw.tracks.values():
        assert audio.dtype == np.float32
        assert audio.shape[0] in (1, 2)
        assert audio.shape[1] == 4 * SAMPLE_RATE
        assert 20 * np.log10(np.max(np.abs(audio))) <= PEAK_DBFS[1] + 0.1


def test_long_songs_rest_here_and_there_and_hold_mono_and_stereo():
    raw = record_song(np.random.default_rng(5), track_count=16, duration_s=24.0)
    resting = 0
    for audio in raw.tracks.values():
        peaks = np.max(np.abs(audio.reshape(len(audio), -1, SAMPLE_RATE)), axis=(0, 2))
        resting += bool(np.any(peaks < 0.01 * np.max(peaks)))
    assert resting > 0
    assert {len(audio) for audio in raw.tracks.values()} == {1, 2}


def test_every_style_can_fill_the_largest_cast():
    for style in TEMPO_BPM:
        for seed in range(10):
            drums, players = cast(style, 24, np.random.default_rng(seed))
            assert len(drums) + len(players) == 24
            assert set(drums) <= set(DRUM_TRACKS)
            assert set(players.values()) <= set(INSTRUMENTS)


def test_form_covers_the_song_without_gaps():
    for seed in range(20):
        plan = plan_song(np.random.default_rng(seed), 30.0)
        bar = 0
        for section in plan.sections:
            assert section.first_bar == bar
            bar += section.bars
        assert bar * plan.bar_s >= 30.0


def test_plans_differ_in_style_key_mode_tempo_metre_and_fullness():
    plans = [plan_song(np.random.default_rng(seed), 30.0) for seed in range(300)]
    assert {plan.style for plan in plans} == set(TEMPO_BPM) == set(PATTERNS) == set(TASTES)
    assert {plan.root_midi % 12 for plan in plans} == set(range(12))
    assert {plan.scale for plan in plans} == set(SCALES.values())
    assert {plan.beats for plan in plans} == {3, 4, 5}
    assert np.ptp([plan.tempo_bpm for plan in plans]) > 90
    assert np.ptp([plan.fullness for plan in plans]) > 0.4


def test_engineers_keep_to_the_taste_of_the_style_and_differ():
    rng = np.random.default_rng(0)
    loud, quiet = (
        [draw_engineer(style, ("lead",), rng) for _ in range(100)]
        for style in ("electronic", "chamber")
    )
    assert max(e.loudness_lufs for e in quiet) < min(e.loudness_lufs for e in loud)
    assert np.mean([e.room_db for e in quiet]) > np.mean([e.room_db for e in loud]) + 3
    assert np.std([e.tilt_db for e in loud]) > 1.5
    assert 0 < sum(e.band_hz is not None for e in loud + quiet) < 40


def test_microphones_in_one_room_hear_the_others_late_and_quietly():
    click = np.zeros((1, 4410), np.float32)
    click[0, 100] = 0.5
    tracks = {"drum": click, "vocal": 0.1 * click[:, ::-1]}
    heard = spill(tracks, ["vocal"], np.random.default_rng(0))
    added = heard["vocal"] - tracks["vocal"]
    assert set(heard) == {"vocal"}
    late = np.argmax(np.abs(added)) - 100
    assert 0.003 <= late / SAMPLE_RATE <= 0.015
    own = np.max(np.abs(tracks["vocal"]))
    assert SPILL_DB[0] <= 20 * np.log10(np.max(np.abs(added)) / own) <= SPILL_DB[1]


@pytest.mark.parametrize("part", [bass_line, arpeggio, melody])
def test_players_keep_to_key_section_and_register(part):
    rng = np.random.default_rng(0)
    plan = plan_song(rng, 20.0)
    section = plan.sections[1]
    notes = part(plan, section, 60.0, rng)
    assert notes
    end_s = (section.first_bar + section.bars) * plan.bar_s
    for note in notes:
        assert section.first_bar * plan.bar_s - 0.1 <= note.start_s < end_s
        assert 40 <= note.midi <= 84
        assert 0 < note.velocity <= 1
    # A bass may leap a fifth out of the scale; the others stay in it.
    inside = [(note.midi - plan.root_midi) % 12 in plan.scale for note in notes]
    assert np.mean(inside) > 0.8


def test_voice_sounds_at_its_pitch():
    note = Note(0.0, 1.0, A4_MIDI, 0.8)
    voice = Voice(dark=2.0, bright=1.5, sustain=1.0)
    audio = render_notes(
        [note], voice, frames=SAMPLE_RATE, stereo=False, rng=np.random.default_rng(0)
    )
    spectrum = np.abs(np.fft.rfft(audio[0] * np.hanning(SAMPLE_RATE)))
    assert np.argmax(spectrum) == pytest.approx(midi_to_hz(A4_MIDI), abs=1)


def test_corpus_is_laid_out_like_real_data_and_continued(tmp_path):
    done: list[int] = []
    synthesize_corpus(tmp_path, 1, 3, **SHORT, progress=done.append)
    reference = tmp_path / "references" / "song_00003.flac"
    stamp = reference.stat().st_mtime_ns
    synthesize_corpus(tmp_path, 2, 3, **SHORT, progress=done.append)
    assert done == [1, 1, 2]
    assert reference.stat().st_mtime_ns == stamp
    source, mixes = FolderSource(tmp_path), ReferenceSource(tmp_path)
    assert [s.name for s in source.songs] == [m.name for m in mixes.mixes]
    assert [s.name for s in source.songs] == ["song_00003", "song_00004"]
    for track in source[0].tracks:
        assert audio_info(track.path).sample_rate == SAMPLE_RATE
        assert np.max(EnergyIndex(source.root).update([track]).levels(track)) > -60
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert sorted(manifest["songs"]) == ["song_00003", "song_00004"]
    kinds = {f.kind for c in check_corpus(tmp_path) for f in c.findings}
    assert kinds <= {"silence"}


@pytest.mark.parametrize("which", ["songs/song_00003", "songs/*/*", "references/*"])
def test_song_of_which_a_file_was_deleted_is_made_again(tmp_path, which):
    synthesize_corpus(tmp_path, 1, 3, **SHORT)
    whole = {path: path.read_bytes() for path in tmp_path.rglob("*.flac")}
    gone = min(tmp_path.glob(which))
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    synthesize_corpus(tmp_path, 1, 3, **SHORT)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.flac")} == whole


def test_corpus_of_other_settings_is_left_alone(tmp_path):
    old = {"generator": GENERATOR_VERSION - 1, "songs": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(old))
    with pytest.raises(InputError, match="another version of the generator; delete"):
        synthesize_corpus(tmp_path, 1, 0, **SHORT)
    other = {"generator": GENERATOR_VERSION, "songs": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="other settings"):
        synthesize_corpus(tmp_path, 1, 0, **SHORT)
    (tmp_path / "manifest.json").write_text("[")
    with pytest.raises(InputError, match="no manifest"):
        synthesize_corpus(tmp_path, 1, 0, **SHORT)


@pytest.mark.parametrize("songs", [None, "song_00000", ["song_00000"], {"song_00000": 1}])
def test_manifest_of_something_else_is_left_alone(tmp_path, songs):
    synthesize_corpus(tmp_path, 1, 0, **SHORT)
    written = json.loads((tmp_path / "manifest.json").read_text())
    for other in ({"songs": songs}, {**written, "songs": songs}):
        (tmp_path / "manifest.json").write_text(json.dumps(other))
        with pytest.raises(InputError, match="no manifest of a corpus; choose an empty folder"):
            synthesize_corpus(tmp_path, 2, 0, **SHORT)


@pytest.mark.parametrize(
    "sizes",
    [
        {"songs": 0},
        {"seed": -1},
        {"tracks": (9, 4)},
        {"duration_s": 1e9},
        {"tracks": (1, 4)},
        {"tracks": (5, 4)},
        {"duration_s": 1.0},
    ],
)
def test_impossible_sizes_are_refused(tmp_path, sizes):
    with pytest.raises(InputError):
        synthesize_corpus(tmp_path, **{"songs": 1, "seed": 0, **SHORT, **sizes})
