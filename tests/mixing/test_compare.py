import numpy as np
import pytest
from scipy.signal import welch

from diffmst_jax.mixing import compare

RATE = 44100


@pytest.mark.parametrize("length", [9001, 2 * compare.SPECTRUM_N_FFT + 5])
def test_spectra_are_those_of_welch(length):
    rng = np.random.default_rng(0)
    audio = rng.standard_normal((2, length)).astype(np.float32)
    frequency, density = compare._power_density(audio)
    mid_side = np.stack([audio[0] + audio[1], audio[0] - audio[1]]) / 2
    size = min(compare.SPECTRUM_N_FFT, length)
    expected = welch(mid_side, RATE, nperseg=size, detrend=False)
    np.testing.assert_allclose(frequency, expected[0])
    np.testing.assert_allclose(density, expected[1], rtol=1e-3)
