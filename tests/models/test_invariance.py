"""What a model must not depend on, and what it must see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from diffmst_jax.models import Cnn14Config, Controls
from tests.compiling import quick_jit
from tests.models.small import (
    SMALL,
    TIME,
    fresh,
    model,
    predict,
    predict_batch,
    song,
    unbatched,
)

NAMES = ["cnn14", "compact"]
MANY = 64  # tracks
TOLERANCE = 2e-5  # of a control in [0, 1]: float32 in another order of summation


def assert_close(a: Controls, b: Controls, tolerance: float = TOLERANCE) -> None:
    for ours, theirs in zip(a, b, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_tracks_means_nothing(name):
    tracks, reference = song(3)
    order = np.array([2, 0, 1])
    plain, shuffled = predict(name, tracks, reference), predict(name, tracks[order], reference)
    assert_close(shuffled, plain._replace(track=plain.track[order]))
    assert np.ptp(plain.track, axis=0).max() > 0.01  # tracks do get different settings


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("padding", [0.0, 1.0, np.nan], ids=["silence", "garbage", "nan"])
def test_a_padded_track_changes_nothing(name, padding):
    tracks, reference = song(3)
    padded = np.full((MANY, TIME), padding, np.float32)
    padded[:3] = tracks
    answer = predict(name, padded, reference, np.arange(MANY) < 3)
    assert_close(answer._replace(track=answer.track[:3]), predict(name, tracks, reference))


@pytest.mark.parametrize("name", NAMES)
def test_left_and_right_of_the_reference_are_told_apart(name):
    tracks, reference = song(3)
    plain, swapped = predict(name, tracks, reference), predict(name, tracks, reference[::-1])
    assert max(np.abs(a - b).max() for a, b in zip(plain, swapped, strict=True)) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_is_heard(name):
    tracks, reference = song(3)
    plain, other = predict(name, tracks, reference), predict(name, tracks, song(3, 1)[1])
    assert np.abs(plain.track - other.track).max() > 1e-3
    assert np.abs(plain.master - other.master).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, MANY])
def test_any_number_of_tracks(name, count):
    tracks, reference = song(count)
    answer = predict(name, tracks, reference)
    assert answer.track.shape == (count, 27)
    assert all(np.isfinite(group).all() for group in answer)
    assert all((group > 0).all() and (group < 1).all() for group in answer)


@pytest.mark.parametrize("name", NAMES)
def test_examples_of_a_batch_do_not_see_each_other(name):
    songs = [song(3, seed) for seed in (0, 1)]
    tracks, references = (np.stack(part) for part in zip(*songs, strict=True))
    answer = predict_batch(name, tracks, references, np.ones((2, 3), bool))
    for i, (t, r) in enumerate(songs):
        assert_close(unbatched(answer, i), predict(name, t, r))
    assert np.abs(answer.track[0] - answer.track[1]).max() > 1e-3


def test_padding_does_not_enter_batch_statistics():
    tracks, reference = (jnp.asarray(part)[None] for part in song(3))
    padded = jnp.concatenate([tracks, jnp.ones((1, 2, TIME))], axis=1)
    graph, before, rest = nnx.split(fresh("cnn14"), nnx.BatchStat, ...)

    @quick_jit
    def call(audio, mask):
        module = nnx.merge(graph, before, rest, copy=True)
        answer = module(audio, reference, mask)
        return answer._replace(track=answer.track[:, :3]), nnx.state(module, nnx.BatchStat)

    masks = jnp.array([[1, 1, 1]]), jnp.array([[1, 1, 1, 0, 0]])
    answers, statistics = zip(*map(call, (tracks, padded), masks), strict=True)
    assert_close(answers[0], answers[1])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), statistics[0], statistics[1]
    )
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), before, statistics[0])
    assert all(jax.tree.leaves(moved))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_and_reach_every_weight(name):
    graph, params, others = nnx.split(fresh(name), nnx.Param, ...)
    tracks, reference = song(3)
    tracks[1] = 0.0
    audio = jnp.asarray(tracks)[None], jnp.asarray(reference)[None], jnp.array([[1, 1, 0]])

    def error(params):
        answer = nnx.merge(graph, params, others, copy=True)(*audio)
        return sum(jnp.sum(jnp.square(group - 0.3)) for group in answer)

    for path, slope in nnx.to_flat_state(quick_jit(jax.grad(error))(params)):
        assert np.isfinite(slope[...]).all(), path
        # A key's bias shifts every attention logit of a query alike; the rest must matter.
        assert np.abs(slope[...]).max() > 0, path


def test_too_short_audio_is_refused():
    encoder = SMALL["cnn14"].encoder
    assert isinstance(encoder, Cnn14Config)
    with pytest.raises(ValueError, match="too short"):
        model("cnn14")(jnp.zeros((1, 1, 500)), jnp.zeros((1, 2, 500)), jnp.ones((1, 1), bool))
