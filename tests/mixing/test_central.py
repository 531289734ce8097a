"""Which tracks stay in the middle when nobody says."""

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.sources.central import NAMED_PRICE, prices_of_leaving
from diffmst_jax.mixing.sources.inputs import gather_references
from diffmst_jax.mixing.sources.strips import Strip


def reference(*bass_gains: float, rumble: float = 0.0):
    """Bass in the middle or at a side, and something brighter at the other."""
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    bass, bright = (np.sin(2 * np.pi * hertz * seconds) for hertz in (70.0, 700.0))
    left, right = bass_gains
    audio = np.stack([left * bass + 0.3 * bright + rumble, right * bass])
    return audio.astype(np.float32)


def references(*mixes):
    return gather_references(list(mixes), section=None, sample_rate=SAMPLE_RATE)


MIDDLE, SIDE = reference(0.5, 0.5), reference(0.1, 0.5)


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
        ("Gesang Strophe.wav", True),
        ("Gesang Chor.wav", False),
        ("03_Voz principal.wav", True),
        ("BAIXO.wav", True),
        ("clarinette basse.wav", False),
        ("BGVOX_OOH.flac", False),
        ("VOX_ECHO.flac", False),
        ("lead guitar.wav", False),
        ("kick/hat.wav", False),
        ("12.wav", False),
    ],
)
def test_kick_snare_bass_and_lead_voice_are_known_by_their_names(file, is_central):
    found = prices_of_leaving(
        [Strip(file, (1,)), Strip("keys.wav", (1, 2))], None, references(MIDDLE)
    )
    np.testing.assert_array_equal(found, NAMED_PRICE * np.array([is_central, False]))


@pytest.mark.parametrize(
    ("others", "is_central"), [([], False), ([(1,)], False), ([(1,), (1,)], True), ([(1, 2)], True)]
)
def test_others_have_to_make_the_width(others, is_central):
    strips = [Strip("kick.wav", (1,)), *(Strip("keys.wav", channels) for channels in others)]
    expected = NAMED_PRICE * np.array([is_central, *[False] * len(others)])
    np.testing.assert_array_equal(prices_of_leaving(strips, None, references(MIDDLE)), expected)


def test_who_says_is_obeyed():
    strips = [Strip("kick.wav", (1,)), Strip("keys.wav", (1, 2))]
    np.testing.assert_array_equal(
        prices_of_leaving(strips, "keys", references(SIDE)), [0.0, np.inf]
    )
    np.testing.assert_array_equal(prices_of_leaving(strips, [], references(MIDDLE)), [0.0, 0.0])


@pytest.mark.parametrize(
    ("mixes", "lows_are_central"),
    [
        ([MIDDLE], True),
        ([SIDE], False),
        ([reference(0.5, -0.5)], False),
        ([reference(0.0, 0.005)], True),
        ([reference(0.5, 0.5, rumble=0.5)], True),
        ([MIDDLE, SIDE, MIDDLE], True),
        ([MIDDLE, SIDE, SIDE], False),
    ],
)
def test_kick_and_bass_stand_where_the_references_have_their_lows(mixes, lows_are_central):
    strips = [Strip(f"{name}.wav", (1,)) for name in ("kick", "bass", "snare", "vox", "a", "b")]
    are_central = np.array([lows_are_central, lows_are_central, True, True, False, False])
    np.testing.assert_array_equal(
        prices_of_leaving(strips, None, references(*mixes)), NAMED_PRICE * are_central
    )
