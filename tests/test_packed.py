import numpy as np
import pytest
import soundfile

from diffmst_jax.packed import is_packed, read_packed

RATE = 44100


def _written(path, channels, container="WAV", endian="FILE", subtype="PCM_24"):
    audio = np.random.default_rng(0).uniform(-1, 1, (1000, channels))
    audio[:2] = [[1.0], [-1.0]]
    soundfile.write(path, audio, RATE, subtype=subtype, format=container, endian=endian)
    return path


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_samples_are_libsndfiles_bit_for_bit(tmp_path, container, channels):
    path = _written(tmp_path / "x", channels, container)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with soundfile.SoundFile(path) as file:
        assert is_packed(file)
        file.seek(300)
        samples = np.empty((900, channels), np.float32)
        assert [read_packed(file, samples[start:][:450]) for start in (0, 450)] == [450, 250]
        np.testing.assert_array_equal(samples[:700], expected[300:])
        assert file.tell() == 1000
        assert read_packed(file, samples) == 0


@pytest.mark.parametrize(
    "other",
    [{"container": "AIFF"}, {"endian": "BIG"}, {"subtype": "PCM_16"}, {"container": "FLAC"}],
)
def test_other_files_are_left_to_libsndfile(tmp_path, other):
    with soundfile.SoundFile(_written(tmp_path / "x", 2, **other)) as file:
        assert not is_packed(file)
