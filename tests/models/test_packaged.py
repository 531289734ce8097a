"""The model inside the package."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import dsp
from diffmst_jax.losses import audio_feature_loss, style_features
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models import load_model, normalize_tracks, packaged_models
from diffmst_jax.models.compact.peaks import FRAME
from diffmst_jax.models.compact.windows import STEPS_PER_WINDOW
from diffmst_jax.models.folder import CARD_FILE, PACKAGED_MODELS
from tests.compiling import quick_jit
from tests.mixing.songs import load_quickly
from tests.models.small import song

RATE = 44100
CARD = PACKAGED_MODELS / "compact" / CARD_FILE
GUIDE = Path(__file__).parents[2] / "docs" / "model.md"
level = quick_jit(partial(normalize_tracks, sample_rate=RATE))
params_of = quick_jit(partial(dsp.console_params, sample_rate=RATE))


def test_it_is_small_and_says_where_it_comes_from():
    assert "compact" in packaged_models()
    folder = PACKAGED_MODELS / "compact"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6
    card = CARD.read_text()
    assert "experiment=packaged" in card
    assert "Apache-2.0" in card


def test_its_card_has_what_was_measured_as_the_guide_has_it():
    rows = [line for line in CARD.read_text().splitlines() if line.startswith("|")]
    assert any("`compact`" in row for row in rows)
    assert [row for row in rows if row not in GUIDE.read_text().splitlines()] == []


def test_excerpts_are_whole_frames_in_which_peaks_are_sought():
    """Else every round of listening would copy all tracks to cut off what is too much."""
    assert load_model("compact").config.window_samples % (STEPS_PER_WINDOW * FRAME) == 0


@pytest.mark.slow
def test_beside_a_mono_reference_stereo_recordings_keep_the_spectrum_of_the_middle():
    """A side that is nowhere to be had is not sought at the cost of all else."""
    tracks, reference = song(6, time=3 * RATE)
    model = load_quickly("compact")
    side = np.array([-1, 1, -1, 1, 0, 0])
    controls = model.controls(tracks, reference[:1], side=side)

    @quick_jit
    def middle(mix):
        return style_features(mix, sample_rate=RATE).bark_spectrum[:, 0]

    mix = quick_jit(partial(dsp.mix_console, config=model.console, sample_rate=RATE))(
        level(tracks).audio, params_of(*controls), side=side
    ).mix
    error = middle(mix) - middle(reference[[0, 0]])
    assert np.std(error) < 0.4  # nepers


@pytest.mark.slow
def test_it_takes_over_the_style_of_a_reference():
    """Coloured noises: a tenth of the distance of the plain sum is left, settings inside."""
    tracks, reference = song(5, time=3 * RATE)
    model = load_quickly("compact")
    controls = model.controls(tracks, reference)
    for group in (controls.track, controls.master[: 3 * 6]):  # strips, and the master's equalizer
        assert (np.asarray(group) > 0.005).all()
        assert (np.asarray(group) < 0.995).all()

    @quick_jit
    def distance(controls):
        params = dsp.console_params(*controls, sample_rate=RATE)
        leveled = normalize_tracks(tracks, sample_rate=RATE).audio
        mix = dsp.mix_console(leveled, params, model.console, sample_rate=RATE).mix
        at_level = [normalize_loudness(x, -16.0, sample_rate=RATE) for x in (mix, reference)]
        return audio_feature_loss(*at_level, sample_rate=RATE).total

    @quick_jit
    def neutral():
        params = dsp.neutral_console(5, sample_rate=RATE)
        return dsp.console_controls(params, sample_rate=RATE)

    plain, near = distance(neutral()), distance(controls)
    assert near < 0.1 * plain
    assert near < 0.05
