import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from diffmst_jax.audio import SAMPLE_RATE, resample
from diffmst_jax.embeddings.vggish import VggishEmbedding, log_mel_patches, vggish_with
from diffmst_jax.embeddings.vggish_weights import read_postprocessing, read_vggish
from diffmst_jax.errors import InputError
from tests.embeddings.rule import LAYERS, log_mel_in_numpy, torch_weights, vggish_in_numpy

patches = jax.jit(log_mel_patches)


@pytest.fixture(scope="module")
def weights():
    return torch_weights()


@pytest.fixture(scope="module")
def weights_file(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("vggish") / "vggish.safetensors"
    save_file({name: np.ascontiguousarray(value) for name, value in weights.items()}, path)
    return path


def audio(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = np.sin(2 * np.pi * np.array([[220.0], [330.0]]) * t)
    return (0.1 * rng.standard_normal((2, t.size)) + 0.2 * tones).astype(np.float32)


def test_front_end_is_the_originals():
    mono = audio(2.2)[0, :33000]
    ours = np.asarray(patches(mono))
    assert ours.shape == (2, 96, 64)
    assert ours == pytest.approx(log_mel_in_numpy(mono), abs=2e-4)


def test_one_patch_takes_exactly_15600_samples():
    assert patches(audio(1.0)[0, :15600]).shape[0] == 1
    assert patches(audio(1.0)[0, :15599]).shape[0] == 0


@pytest.mark.slow
def test_embeddings_agree_with_a_second_implementation(weights, weights_file):
    stereo = audio(2.0)
    embedding = VggishEmbedding.load(weights_file)
    got = embedding(stereo)
    low = resample(stereo.mean(axis=0, keepdims=True), from_rate=SAMPLE_RATE, to_rate=16000)[0]
    expected = vggish_in_numpy(log_mel_in_numpy(low).astype(np.float32), weights)
    assert got.shape == (2, 128)
    assert np.std(expected) > 0.1
    assert got == pytest.approx(expected, abs=2e-3 * float(np.std(expected)))
    whitened = VggishEmbedding.load(weights_file, postprocess=True)
    assert whitened.name == "vggish_pca"
    vectors = weights["pproc.pca_eigen_vectors"]
    scaled = vectors @ (expected.T - weights["pproc.pca_means"])
    steps = np.clip((np.clip(scaled.T, -2, 2) + 2) * 255 / 4, 0, 255)
    assert np.abs(whitened(stereo) - steps).max() < 1.05


@pytest.mark.slow
def test_same_weights_in_the_originals_names_are_the_same(weights, weights_file, tmp_path):
    ours = read_vggish(weights_file)
    tf_names = ["conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1"]
    tf_names += ["conv4/conv4_2", "fc1/fc1_1", "fc1/fc1_2", "fc2"]
    renamed = {}
    for name, theirs in zip(LAYERS, tf_names, strict=True):
        weight = weights[f"{name}.weight"]
        kernel = weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T
        renamed[f"vggish/{theirs}/weights"] = np.ascontiguousarray(kernel)
        renamed[f"vggish/{theirs}/biases"] = weights[f"{name}.bias"]
    save_file(renamed, tmp_path / "tf.safetensors")
    again = read_vggish(tmp_path / "tf.safetensors")
    assert set(ours) == set(again)
    assert all(np.array_equal(ours[name], again[name]) for name in ours)


def test_components_are_looked_for_beside_the_weights(tmp_path):
    vectors, means = np.eye(128, dtype=np.float32), np.ones((128, 1), np.float32)
    np.savez(tmp_path / "vggish_pca_params.npz", pca_eigen_vectors=vectors, pca_means=means)
    post = read_postprocessing(tmp_path / "vggish_model.ckpt")
    embeddings = np.full((1, 128), 1.0, np.float32)
    assert np.all(post(embeddings) == 127)
    assert np.all(post(embeddings + 9) == 255)
    assert np.all(post(embeddings - 9) == 0)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none.pth", "does not exist"),
        ("text.npz", r"^\S+: cannot be read \([^/]+\); copy it again$"),
        ("weights.bin", "ending"),
        ("cut_off.ckpt", "is no whole checkpoint of TensorFlow; copy it again"),
        ("folder", "is a folder"),
    ],
)
def test_wrong_weights_are_named(name, problem, tmp_path):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif name != "none.pth":
        (tmp_path / name).write_text("no weights")
    with pytest.raises(InputError, match=problem) as caught:
        read_vggish(tmp_path / name)
    assert caught.value.path == str(tmp_path / name)


def test_other_weights_are_refused(tmp_path):
    save_file(
        {"features.0.weight": np.zeros((64, 1, 3, 3), np.float32)}, tmp_path / "a.safetensors"
    )
    with pytest.raises(InputError, match=r"features\.0\.bias"):
        read_vggish(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="missing"):
        vggish_with({}, "a")
