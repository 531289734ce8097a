"""The stored checkpoints were written by TensorFlow 2.21 with the numbers below."""

import shutil
import zlib

import numpy as np
import pytest

from diffmst_jax.embeddings.tensor_bundle import is_checkpoint, read_checkpoint
from diffmst_jax.errors import InputError
from tests import golden

SHAPES = {
    "vggish/conv1/weights": (3, 3, 1, 4),
    "vggish/conv1/biases": (4,),
    "vggish/fc1/fc1_1/weights": (48, 16),
    "vggish/fc2/biases": (8,),
}
V1, V2 = "tf_checkpoint_v1.ckpt", "tf_checkpoint_v2.ckpt"
FILES = (V1, f"{V2}.index", f"{V2}.data-00000-of-00001")


@pytest.mark.parametrize("name", FILES)
def test_both_formats_hold_what_tensorflow_wrote(name):
    tensors = read_checkpoint(golden.path(name))
    assert set(tensors) == {*SHAPES, "global_step"}
    assert tensors["global_step"] == 7
    for key, shape in SHAPES.items():
        rng = np.random.default_rng(zlib.crc32(key.encode()))
        assert np.array_equal(tensors[key], rng.standard_normal(shape).astype(np.float32)), key


def test_second_format_is_found_by_its_prefix():
    prefix = golden.path(f"{V2}.index").with_suffix("")
    assert is_checkpoint(prefix)
    assert "vggish/fc2/biases" in read_checkpoint(prefix)


def test_damaged_checkpoint_is_named(tmp_path):
    content = golden.path(V1).read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(content[:100] + content[-60:])
    assert is_checkpoint(tmp_path / "cut.ckpt")
    with pytest.raises(InputError, match="no whole checkpoint"):
        read_checkpoint(tmp_path / "cut.ckpt")
    shutil.copy(golden.path(f"{V2}.index"), tmp_path / "alone.index")
    with pytest.raises(InputError, match="does not exist"):
        read_checkpoint(tmp_path / "alone.index")
    (tmp_path / "text.ckpt").write_text("text" * 100)
    assert not is_checkpoint(tmp_path / "text.ckpt")
