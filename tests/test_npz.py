"""Archives of arrays, whole and broken: an error that names the file, whatever it holds."""

import io
import zipfile

import numpy as np
import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.manifest import Drawn
from diffmst_jax.evaluation.store import EMBEDDINGS_FOLDER, Store
from diffmst_jax.npz import read_npz

ARRAYS = {"a": np.arange(5000.0), "b": np.ones((2, 3), np.float32)}


def archive() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **ARRAYS)
    return file.getvalue()


def single() -> bytes:
    file = io.BytesIO()
    np.save(file, ARRAYS["a"])
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.array([{}], object))
    return file.getvalue()


def other_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("readme", "no array")
    return file.getvalue()


def damaged() -> bytes:
    whole = bytearray(archive())
    whole[100:140] = bytes(40)
    return bytes(whole)


BROKEN = {
    "empty": b"",
    "text": b"no archive",
    "one array": single(),
    "cut off": archive()[:-100],
    "damaged": damaged(),
    "pickled": pickled(),
    "another archive": other_archive(),
}


def test_arrays_are_read_by_name(tmp_path):
    (tmp_path / "a.npz").write_bytes(archive())
    read = read_npz(tmp_path / "a.npz", "none")
    assert sorted(read) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array, strict=True)


@pytest.mark.parametrize("content", [None, *BROKEN.values()], ids=["missing", *BROKEN])
def test_what_is_no_archive_of_arrays_is_named(tmp_path, content):
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read \(.+\); copy it again") as caught:
        read_npz(path, "copy it again")
    assert caught.value.path == str(path)
    assert "unsafe" not in str(caught.value), "NumPy advises to load what is no archive with pickle"


def test_broken_embeddings_of_a_run_are_named(tmp_path):
    path = tmp_path / EMBEDDINGS_FOLDER / "00000.npz"
    path.parent.mkdir()
    path.write_bytes(b"")
    store = Store(tmp_path, Drawn("table1", []), [])
    with pytest.raises(InputError, match="evaluate anew") as caught:
        store.embeddings()
    assert caught.value.path == str(path)
    with pytest.raises(InputError, match="evaluate anew"):
        store.save_embeddings(0, {"vggish/reference": np.ones((1, 2))})
