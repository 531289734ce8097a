"""Hostile and unusual file names become one harmless component, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmst_jax.errors import InputError
from diffmst_jax.files import free_name
from diffmst_jax.page.limits import NAME_BYTES
from diffmst_jax.page.names import safe_audio_name, safe_name


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("kick.wav", "kick.wav"),
        ("../../etc/passwd.wav", "passwd.wav"),
        ("/etc/shadow.flac", "shadow.flac"),
        ("..\\..\\windows\\snare.wav", "snare.wav"),
        ("C:\\drums\\hat.wav", "hat.wav"),
        (".hidden.wav", "hidden.wav"),
        ("bass\x00.wav", "bass.wav"),
        ("vox\u202egnp.wav", "voxgnp.wav"),
        ("Gesang für Ünal 声.wav", "Gesang für Ünal 声.wav"),
        ('a<b>:"|?*.wav', "a_b______.wav"),
        ("CON.wav", "_CON.wav"),
        ("trailing. .wav. ", "trailing.wav"),
    ],
)
def test_a_name_becomes_one_harmless_component(raw, expected):
    assert safe_audio_name(raw) == expected


@pytest.mark.parametrize("raw", ["", "..", ".", "/", "\\", "\x00", "a/..", "   ", "...."])
def test_a_name_without_anything_in_it_is_refused(raw):
    with pytest.raises(InputError, match="is no name for a file; rename it"):
        safe_name(raw)


@pytest.mark.parametrize("raw", ["notes.txt", "kick", "kick.wav.exe", "wav"])
def test_what_is_no_audio_by_its_ending_is_refused(raw):
    with pytest.raises(InputError, match="give a WAV"):
        safe_audio_name(raw)


@given(st.text(max_size=400))
def test_whatever_comes_in_stays_inside(raw):
    try:
        name = safe_name(raw)
    except InputError:
        return
    assert name
    assert name not in (".", "..")
    assert not set(name) & set('/\\\x00<>:"|?*\n\r')
    assert not name.startswith(".")
    assert len(name.encode()) <= NAME_BYTES + 1  # one more for the mark of a reserved name
    assert safe_name(name) == name, "doing it twice changes nothing"


def test_a_long_name_keeps_its_ending():
    name = safe_name("ä" * 500 + ".wav")
    assert name.endswith(".wav")
    assert len(name.encode()) <= NAME_BYTES


def test_a_taken_name_gets_a_number():
    assert free_name("Kick.wav", {"kick.wav", "kick (2).wav"}) == "Kick (3).wav"
