import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffmst_jax.audio import (
    AUDIO_SUFFIXES,
    MINIMUM_DURATION_S,
    SAMPLE_RATE,
    audio_files,
    audio_info,
    read_audio,
    resample,
    write_audio,
)
from diffmst_jax.errors import InputError

LOSSLESS = (".wav", ".flac", ".aiff", ".aif")


def noise(seconds: float = 1.0, channels: int = 2, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    rng = np.random.default_rng(7)
    return 0.1 * rng.standard_normal((channels, round(seconds * sample_rate))).astype(np.float32)


def sine(frequency_hz: float, seconds: float, sample_rate: int) -> np.ndarray:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return 0.5 * np.sin(2 * np.pi * frequency_hz * time)[np.newaxis].astype(np.float32)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_come_back_within_24_bits(tmp_path, suffix):
    audio = noise()
    write_audio(tmp_path / f"x{suffix}", audio, sample_rate=SAMPLE_RATE)
    back = read_audio(tmp_path / f"x{suffix}")
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, audio, rtol=0, atol=2.0**-23)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_lossy_formats_come_back_similar(tmp_path, suffix):
    audio = sine(440.0, 1.0, SAMPLE_RATE)
    write_audio(tmp_path / f"x{suffix}", audio, sample_rate=SAMPLE_RATE)
    back = read_audio(tmp_path / f"x{suffix}")
    middle = slice(4000, 40000)
    assert back.shape[0] == 1
    np.testing.assert_allclose(back[:, middle], audio[:, middle], rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_32", 1e-7), ("FLOAT", 0), ("DOUBLE", 0)],
)
def test_reads_every_sample_format(tmp_path, subtype, tolerance):
    audio = noise()
    soundfile.write(tmp_path / "x.wav", audio.T, SAMPLE_RATE, subtype=subtype)
    np.testing.assert_allclose(read_audio(tmp_path / "x.wav"), audio, rtol=0, atol=tolerance)


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_a_name_that_is_no_utf8_is_written_and_read(tmp_path, raw_name, suffix):
    path = tmp_path / raw_name(b"gro\xdf" + suffix.encode())
    write_audio(path, noise(), sample_rate=SAMPLE_RATE)
    assert audio_files(tmp_path) == [path]
    assert read_audio(path).shape[0] == audio_info(path).channels == 2


def test_info_tells_what_the_header_says(tmp_path):
    write_audio(tmp_path / "x.flac", noise(1.0, 2, 48000), sample_rate=48000)
    assert audio_info(tmp_path / "x.flac") == (48000, 2, 48000, 1.0)


@pytest.mark.parametrize("own_rate", [22050, 48000, 96000])
def test_resampling_keeps_a_tone(tmp_path, own_rate):
    write_audio(tmp_path / "x.wav", sine(1000.0, 1.0, own_rate), sample_rate=own_rate)
    back = read_audio(tmp_path / "x.wav")
    expected = sine(1000.0, 1.0, SAMPLE_RATE)
    assert back.shape == expected.shape
    middle = slice(2000, -2000)
    np.testing.assert_allclose(back[:, middle], expected[:, middle], rtol=0, atol=1e-5)


def test_resampling_removes_what_would_alias():
    aliasing = sine(30000.0, 1.0, 96000)
    low = resample(aliasing, from_rate=96000, to_rate=SAMPLE_RATE)
    assert np.max(np.abs(low[:, 2000:-2000])) < 1e-6


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
@pytest.mark.parametrize("own_rate", [SAMPLE_RATE, 48000])
def test_a_window_equals_that_part_of_the_whole(tmp_path, suffix, own_rate):
    write_audio(tmp_path / f"x{suffix}", noise(3.0, 2, own_rate), sample_rate=own_rate)
    whole = read_audio(tmp_path / f"x{suffix}")
    window = read_audio(tmp_path / f"x{suffix}", start_s=1.2345, duration_s=0.5)
    first = round(1.2345 * SAMPLE_RATE)
    assert window.shape == (2, SAMPLE_RATE // 2)
    np.testing.assert_allclose(window, whole[:, first : first + window.shape[1]], rtol=0, atol=1e-6)


def test_a_window_over_the_end_is_shorter(tmp_path):
    write_audio(tmp_path / "x.wav", noise(1.0), sample_rate=SAMPLE_RATE)
    window = read_audio(tmp_path / "x.wav", start_s=0.75, duration_s=5.0)
    assert window.shape == (2, SAMPLE_RATE - round(0.75 * SAMPLE_RATE))


def test_a_window_after_the_end_is_refused(tmp_path):
    write_audio(tmp_path / "x.wav", noise(1.0), sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=r"x\.wav.*nothing at 2\.00 s"):
        read_audio(tmp_path / "x.wav", start_s=2.0)


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
@pytest.mark.parametrize("kept", [0.5, 0.95])
def test_a_truncated_file_is_refused(tmp_path, suffix, kept):
    path = tmp_path / f"x{suffix}"
    write_audio(path, noise(2.0), sample_rate=SAMPLE_RATE)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match=r"cut off|damaged"):
        read_audio(path)


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_a_truncated_wav_of_64_bit_lengths_is_refused(tmp_path, kept):
    path = tmp_path / "x.wav"
    soundfile.write(path, noise(2.0).T, SAMPLE_RATE, format="RF64", subtype="PCM_24")
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    if kept == 1.0:
        assert read_audio(path).shape == (2, 2 * SAMPLE_RATE)
    else:
        with pytest.raises(InputError, match="cut off"):
            read_audio(path)


# The last two are what SoX writes to a pipe: its largest, in whole frames of two and six bytes.
@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x7FFFEFFC])
def test_a_streamed_wav_that_leaves_its_length_open_is_not_called_truncated(tmp_path, length):
    path = tmp_path / "x.wav"
    write_audio(path, noise(1.0), sample_rate=SAMPLE_RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = length.to_bytes(4, "little")
    path.write_bytes(bytes(data))
    if length:
        assert read_audio(path).shape == (2, SAMPLE_RATE)
    else:
        with pytest.raises(InputError, match="too short"):
            read_audio(path)


def test_a_streamed_aiff_that_leaves_its_length_open_is_not_called_truncated(tmp_path):
    path = tmp_path / "x.aiff"
    write_audio(path, noise(1.0), sample_rate=SAMPLE_RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    for name, length in ((b"FORM", 0x7F000050), (b"SSND", 0x7F000008)):
        place = data.index(name) + 4
        data[place : place + 4] = length.to_bytes(4, "big")
    path.write_bytes(bytes(data))
    assert read_audio(path).shape == (2, SAMPLE_RATE)


def test_a_link_that_leads_nowhere_is_listed_and_refused(tmp_path):
    write_audio(tmp_path / "kick.wav", noise(), sample_rate=SAMPLE_RATE)
    (tmp_path / "vox.wav").symlink_to(tmp_path / "drive" / "vox.wav")
    (tmp_path / "circle.wav").symlink_to(tmp_path / "circle.wav")
    names = [path.name for path in audio_files(tmp_path)]
    assert names == ["circle.wav", "kick.wav", "vox.wav"]
    with pytest.raises(InputError, match=r"vox\.wav: is a link to what is not there"):
        read_audio(tmp_path / "vox.wav")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"This is a shopping list.\n" * 400, "no audio that can be read")],
)
@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_what_is_not_audio_is_refused(tmp_path, suffix, content, problem):
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_audio(tmp_path / f"x{suffix}")


@pytest.mark.parametrize(
    ("bad", "problem"), [(np.nan, "no numbers"), (np.inf, "no numbers"), (1e9, "above full scale")]
)
def test_samples_that_no_converter_gives_are_refused(tmp_path, bad, problem):
    audio = noise()
    audio[1, 17] = bad
    soundfile.write(tmp_path / "x.wav", audio.T, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=problem):
        read_audio(tmp_path / "x.wav")


def test_decoded_peaks_above_full_scale_are_kept(tmp_path):
    audio = 1.3 * np.sign(noise())
    soundfile.write(tmp_path / "x.wav", audio.T, SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "x.wav"), audio)


def test_ten_samples_are_too_short(tmp_path):
    write_audio(tmp_path / "x.wav", noise()[:, :10], sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=f"too short .* at least {MINIMUM_DURATION_S} s"):
        read_audio(tmp_path / "x.wav")


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(InputError, match="is not a file"):
        read_audio(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=400), suffix=st.sampled_from(AUDIO_SUFFIXES))
def test_random_bytes_are_refused_in_one_line(tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), suffix=st.sampled_from(LOSSLESS[:3]))
def test_one_wrong_byte_gives_audio_or_an_input_error(tmp_path, place, value, suffix):
    path = tmp_path / f"x{suffix}"
    soundfile.write(path, noise(0.5, 1, 8000).T, 8000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(bytes(data))
    try:
        audio = read_audio(path)
    except InputError:
        return
    assert np.all(np.isfinite(audio))


def test_writing_replaces_whole_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "x.wav"
    write_audio(path, noise(), sample_rate=SAMPLE_RATE)
    write_audio(path, noise(2.0), sample_rate=SAMPLE_RATE)
    assert [item.name for item in path.parent.iterdir()] == ["x.wav"]
    assert audio_info(path).duration_s == 2.0


def test_writing_clips_instead_of_wrapping_around(tmp_path):
    audio = np.array([[2.0, -2.0, 0.0] * 10000], np.float32)
    write_audio(tmp_path / "x.wav", audio, sample_rate=SAMPLE_RATE, subtype="PCM_16")
    np.testing.assert_allclose(read_audio(tmp_path / "x.wav"), np.clip(audio, -1, 1), atol=1e-4)


def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"\.xyz"):
        write_audio(tmp_path / "x.xyz", noise(), sample_rate=SAMPLE_RATE)
    assert not list(tmp_path.iterdir())


def test_a_folder_lists_its_audio_in_natural_order(tmp_path):
    for name in ("10 b.wav", "9 a.FLAC", "Z.mp3", "a.aif", ".hidden.wav", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    names = [path.name for path in audio_files(tmp_path)]
    assert names == ["9 a.FLAC", "10 b.wav", "a.aif", "Z.mp3"]


def test_a_folder_that_is_none_is_refused(tmp_path):
    for path in (tmp_path / "none", Path(os.devnull)):
        with pytest.raises(InputError, match="give a folder"):
            audio_files(path)
