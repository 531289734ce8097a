import sys
import types
from collections.abc import Callable

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.embeddings import make_embeddings
from diffmst_jax.embeddings.encoder import EncoderEmbedding
from diffmst_jax.embeddings.protocol import Embedding
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.frechet import frechet_distance
from diffmst_jax.models import Model
from dsp import ConsoleConfig
from tests.mixing.songs import tiny_model
from tests.models.small import SMALL, fresh


def noise(seed: int, tilt: float, seconds: float = 6.0) -> np.ndarray:
    """Stereo noise whose spectrum falls with the given power of frequency."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal((2, round(seconds * SAMPLE_RATE))))
    frequency = np.maximum(np.arange(spectrum.shape[1]), 1.0)
    return np.fft.irfft(spectrum * frequency**-tilt).astype(np.float32)


EMBEDDINGS: dict[str, Callable[[], Embedding]] = {
    "compact": lambda: EncoderEmbedding(tiny_model()),
    "cnn14": lambda: EncoderEmbedding(Model(SMALL["cnn14"], fresh("cnn14"), ConsoleConfig())),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_likeness_in_sound_is_nearness_in_the_embedding(name):
    embedding = EMBEDDINGS[name]()
    pink, pink_again, brown = (embedding(noise(i, t)) for i, t in ((0, 0.5), (1, 0.5), (2, 1.0)))
    assert pink.ndim == 2
    assert len(pink) == 5
    near, far = (frechet_distance(pink, other).distance for other in (pink_again, brown))
    assert near < far / 3


def test_level_does_not_matter():
    embedding, audio = EncoderEmbedding(tiny_model()), noise(0, 0.5)
    assert embedding(10.0 * audio) == pytest.approx(embedding(audio), abs=2e-3)


def test_short_audio_gives_one_row():
    assert len(EncoderEmbedding(tiny_model())(noise(0, 0.5, 1.0))) == 1


def test_any_other_embedding_can_be_named(monkeypatch):
    class Mean:
        name = "mean"

        def __call__(self, audio):
            return audio.mean(axis=1)[None]

    module = types.ModuleType("my_embeddings")
    module.make, module.wrong = Mean, dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_embeddings", module)
    (made,) = make_embeddings(["my_embeddings:make"])
    assert made(np.ones((2, 10))).tolist() == [[1.0, 1.0]]
    for wrong in ("my_embeddings:wrong", "my_embeddings:none", "nowhere_at_all:make", "vgish=x"):
        with pytest.raises(InputError):
            make_embeddings([wrong])


@pytest.mark.parametrize("called", [["same", "same"], ["a/b"]])
def test_embeddings_that_results_cannot_tell_apart_are_refused(called, monkeypatch):
    """Of two of one name the first was dropped, and one with a slash was, without a word."""
    module = types.ModuleType("my_embeddings")
    for number, name in enumerate(called):
        made = types.new_class("Made", (), {}, lambda body: body.update(__call__=np.asarray))
        made.name = name  # type: ignore[attr-defined]
        setattr(module, f"make_{number}", made)
    monkeypatch.setitem(sys.modules, "my_embeddings", module)
    wanted = [f"my_embeddings:make_{number}" for number in range(len(called))]
    with pytest.raises(InputError, match=f"{wanted[-1]}.*{called[-1]}"):
        make_embeddings(wanted)
