import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import dsp
from diffmst_jax.audio import SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.audio_blocks import AudioStream, AudioWriter
from diffmst_jax.cli import main
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.console.file import console_text
from diffmst_jax.mixing.finishing.output import OutputTarget, finish, record
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.rendering.song import FileTape, write_song
from diffmst_jax.mixing.rendering.stems import stem_names, write_stems
from diffmst_jax.mixing.rendering.strip_stream import StripStream
from diffmst_jax.mixing.signals.measure import integrated_loudness
from diffmst_jax.mixing.signals.pieces import PIECE, with_margins
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.result import write_mix
from tests.mixing.songs import tone


@pytest.mark.parametrize("name", ["1 kick.wav", "2 bass.flac", "10 pad.flac", "11 hat.mp3"])
@pytest.mark.parametrize("size", [10_007, 1 << 16])
def test_a_stream_reads_what_the_whole_file_holds(song, name, size):
    with AudioStream(song / name) as stream:
        pieces, length = [], size
        while length == size:
            piece = np.empty((size, stream.channels), np.float32)
            length = stream.fill(piece)
            pieces.append(piece[:length])
    np.testing.assert_array_equal(np.concatenate(pieces).T, read_audio(song / name))


def test_a_stream_finds_bad_samples_where_they_are(tmp_path):
    audio = np.zeros((1, 3 * SAMPLE_RATE), np.float32)
    audio[0, -1] = np.nan
    soundfile.write(tmp_path / "x.wav", audio.T, SAMPLE_RATE, subtype="FLOAT")
    with AudioStream(tmp_path / "x.wav") as stream:
        second = np.empty((SAMPLE_RATE, 1), np.float32)
        assert [stream.fill(second) for _ in range(2)] == [SAMPLE_RATE] * 2
        with pytest.raises(InputError, match="no numbers"):
            stream.fill(second)


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), AudioWriter(tmp_path / "new" / "x.wav", 2, sample_rate=8000):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_strips_stream_in_the_order_asked_for(multitrack, song):
    strips = multitrack.strips[::-1]
    with StripStream(song, strips) as stream:
        read = np.concatenate(list(stream.blocks(50_000)), axis=1)
    expected = np.concatenate([multitrack.audio[4:], multitrack.audio[2:4]])
    np.testing.assert_array_equal(read[:3], expected)


@pytest.mark.parametrize("strip", [Strip("1 kick.wav", (2,)), Strip("no such.wav", (1,))])
def test_what_the_files_do_not_have_is_said_before_any_work(song, strip):
    with pytest.raises(InputError, match=r"1 channel\(s\)|no track named"):
        StripStream(song, [strip])


@pytest.mark.parametrize("lengths", [[], [3], [100, 100, 7], [64, 64]])
def test_margins_are_what_lies_around(lengths):
    whole = np.arange(sum(lengths), dtype=np.float32)[np.newaxis]
    ends = np.cumsum(lengths)
    pieces = [whole[:, end - n : end] for n, end in zip(lengths, ends, strict=True)]
    given = list(with_margins(pieces, 10))
    assert len(given) == len(lengths)
    for (around, inner), n, end in zip(given, lengths, ends, strict=True):
        expected = whole[:, max(0, end - n - 10) : end + 10]
        np.testing.assert_array_equal(around, expected)
        np.testing.assert_array_equal(around[:, inner], whole[:, end - n : end])


def test_finishing_does_not_depend_on_how_the_mix_comes(tmp_path):
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((2, 3 * PIECE + 1000)).astype(np.float32)
    mix[:, PIECE - 20 : PIECE + 5] *= 4.0  # limiting across the border of two pieces
    target = OutputTarget(-5.0, -1.0)
    expected = finish(mix, target)
    assert expected.level.limiting_db > 1.0
    with FileTape(tmp_path / "mix.wav") as tape:
        recorded = record(np.array_split(mix, 7, axis=1), tape)
        played = np.concatenate(list(tape), axis=1)
    at_once = record([mix], [])
    np.testing.assert_array_equal(recorded.step_powers, at_once.step_powers)
    np.testing.assert_array_equal(played[:2], mix)
    assert np.all(played[2] >= np.max(np.abs(mix), axis=0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("subtype", "ending"), [("PCM_16", "flac"), ("PCM_24", "wav")])
def test_a_streamed_song_is_the_mix_byte_for_byte(mixed, song, tmp_path, subtype, ending):
    write_mix(tmp_path / f"whole.{ending}", mixed.audio, subtype=subtype)
    out = tmp_path / "new" / f"streamed.{ending}"
    level = write_song(song, mixed.console, out, subtype=subtype)
    assert out.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert level == mixed.report.facts.finished.level


def test_a_mix_that_its_faders_make_faint_gets_its_loudness(mixed, song, tmp_path, capsys):
    down = np.asarray(-48.0)
    master = mixed.console.params.master_bus._replace(input_fader_db=down, output_fader_db=down)
    params = mixed.console.params._replace(master_bus=master)
    faint = dataclasses.replace(mixed.console, params=params, muted=np.arange(4) > 0)
    faint = dataclasses.replace(faint, target=OutputTarget(-20.0, -1.0))
    (tmp_path / "console.json").write_text(console_text(faint), encoding="utf-8")
    out = tmp_path / "mix.wav"
    command = ["render", str(song), str(tmp_path / "console.json"), "--out", str(out)]
    assert main(command) == 0
    assert "mix.wav  -20.0 LUFS, " in capsys.readouterr().out
    reached = integrated_loudness(read_audio(out), sample_rate=SAMPLE_RATE)
    assert reached == pytest.approx(-20.0, abs=0.05)


def test_silence_stays_silence_and_is_said(mixed, song, tmp_path, capsys):
    silent = dataclasses.replace(mixed.console, muted=np.ones(4, bool))
    (tmp_path / "console.json").write_text(console_text(silent), encoding="utf-8")
    files = [str(song), str(tmp_path / "console.json"), "--out"]
    assert main(["render", *files, str(tmp_path / "mix.wav")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'mix.wav'}  silent\n"
    assert np.max(np.abs(read_audio(tmp_path / "mix.wav"))) <= 2.0**-23  # dither
    for name in ("song.rpp", "song.dawproject"):
        assert main(["export", *files, str(tmp_path / name)]) == 0
        assert "The mix is silent" in capsys.readouterr().out


def test_a_song_that_fails_on_the_way_leaves_nothing(mixed, song, tmp_path):
    shutil.copytree(song, tmp_path / "song")
    kick = read_audio(song / "1 kick.wav")
    kick[0, -1] = np.nan
    soundfile.write(tmp_path / "song" / "1 kick.wav", kick.T, SAMPLE_RATE, subtype="FLOAT")
    out = tmp_path / "new" / "mix.wav"
    with pytest.raises(InputError, match=r"1 kick.wav.*no numbers"):
        write_song(tmp_path / "song", mixed.console, out, subtype="PCM_24")
    assert [path.name for path in tmp_path.iterdir()] == ["song"]


@pytest.mark.slow
def test_stems_sum_to_what_enters_the_master_bus(mixed, multitrack, song, tmp_path):
    settings = dataclasses.replace(
        mixed.console,
        muted=np.array([False, False, True, False]),
        config=dsp.ConsoleConfig(reverb=True, track_lookahead_ms=5.0, master_lookahead_ms=3.0),
    )
    write_stems(song, settings, tmp_path / "stems")
    names = {"1 kick.wav", "2 bass.wav", "11 hat.wav", "fx return.wav"}
    assert {path.name for path in (tmp_path / "stems").iterdir()} == names
    total = sum(read_audio(tmp_path / "stems" / name) for name in names)
    before = dataclasses.replace(
        settings, config=dataclasses.replace(settings.config, master_bus=False)
    )
    expected = render(before, multitrack).mix
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-6 * np.max(np.abs(expected)))
    assert np.any(read_audio(tmp_path / "stems" / "fx return.wav"))


def test_stems_of_one_name_go_to_files_of_their_own():
    strips = [Strip("a.wav", (1,)), Strip("a.flac", (1, 2)), Strip("b/a.wav", (1,))]
    assert stem_names(strips) == ["a.wav 1", "a.flac 1+2", "b/a"]


# The peak of a process of its own, from its own record: `ru_maxrss` begins with its parent's.
PEAK = """
import sys
from pathlib import Path
from diffmst_jax.cli import main
assert main(["render", *sys.argv[1:3], "--out", sys.argv[3]]) == 0
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's process status")
def test_memory_does_not_grow_with_the_song(tmp_path):
    strips = tuple(Strip(f"{i}.wav", (1,)) for i in range(8))
    console = tmp_path / "console.json"
    console.write_text(console_text(_neutral(strips)), encoding="utf-8")

    def peak_mib(seconds):
        folder, audio = tmp_path / f"{seconds}", tone(seconds, 100.0)
        for strip in strips:
            write_audio(folder / strip.file, audio, sample_rate=SAMPLE_RATE)
        command = [sys.executable, "-c", PEAK, str(folder), str(console), str(tmp_path / "x.wav")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return int(done.stdout.split()[-1])

    # Both are longer than what is read ahead; before them, what they compile is.
    _, shorter, longer = (peak_mib(seconds) for seconds in (5.0, 30.0, 150.0))
    longer_by_mib = len(strips) * 120 * SAMPLE_RATE * 4 / 2**20
    assert longer - shorter < longer_by_mib / 3


def _neutral(strips):
    audio = np.zeros((len(strips), 1), np.float32)
    multitrack = Multitrack(strips, audio, np.full(len(strips), -20.0), ())
    return neutral_settings(multitrack, target=OutputTarget())
