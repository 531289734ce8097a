"""Which tracks stay in the middle when nobody says."""

import numpy as np
import pytest

from diffmst_jax.mixing.sources.central import central_by_name, central_strips
from diffmst_jax.mixing.sources.strips import Strip


@pytest.mark.parametrize(
    ("file", "is_central"),
    [
        ("kick.wav", True),
        ("Drums/01_Kick In.wav", True),
        ("OFF_KICK.flac", True),
        ("SnareTop.wav", True),
        ("12 bass DI.wav", True),
        ("bass_clarinet.wav", False),
        ("bassoon.wav", False),
        ("bassguitar.flac", True),
        ("vocal.flac", True),
        ("07_LeadVox.mp3", True),
        ("Lead Vocal (Chorus) 2.wav", True),
        ("08_LeadVoxDouble1.mp3", False),
        ("backing_vocal_1.flac", False),
        ("BGVOX_OOH.flac", False),
        ("VOX_ECHO.flac", False),
        ("lead guitar.wav", False),
        ("kick/hat.wav", False),
        ("12.wav", False),
    ],
)
def test_kick_snare_bass_and_lead_voice_are_known_by_their_names(file, is_central):
    assert central_by_name(file) == is_central


@pytest.mark.parametrize(
    ("others", "is_central"), [([], False), ([(1,)], False), ([(1,), (1,)], True), ([(1, 2)], True)]
)
def test_others_have_to_make_the_width(others, is_central):
    strips = [Strip("kick.wav", (1,)), *(Strip("keys.wav", channels) for channels in others)]
    expected = [is_central, *[False] * len(others)]
    np.testing.assert_array_equal(central_strips(strips, None), expected)


def test_who_says_is_obeyed():
    strips = [Strip("kick.wav", (1,)), Strip("keys.wav", (1, 2))]
    np.testing.assert_array_equal(central_strips(strips, "keys"), [False, True])
    np.testing.assert_array_equal(central_strips(strips, []), [False, False])
