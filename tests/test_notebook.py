"""The notebook runs from top to bottom and shows what it promises."""

import base64
import importlib.util
import json
from pathlib import Path

import pytest

from diffmst_jax import api
from diffmst_jax.data import synthesis
from diffmst_jax.result import MixResult
from tests.mixing.songs import load_quickly, save_tiny_model, write_reference, write_song

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "mixing.ipynb"
LARGEST_PICTURE_BYTES = 150_000


def example(name):
    """Import an example, which is a script beside the notebook."""
    spec = importlib.util.spec_from_file_location(name, NOTEBOOK.with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_small_corpus(root, *, seed, **_more):
    """Songs where a corpus has them, of the size that the other tests have compiled for."""
    for folder in ("songs", "references"):
        (root / folder).mkdir()
    tracks = root / "songs" / f"song_{seed:05d}"
    tracks.mkdir()
    write_song(tracks)
    write_reference(root / "references" / f"song_{seed + 1:05d}.flac")


@pytest.mark.slow
def test_every_cell_runs_and_a_mix_is_shown_as_a_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(synthesis, "synthesize_corpus", write_small_corpus)
    monkeypatch.setattr(api, "load_model", load_quickly)
    save_tiny_model(tmp_path / "model")
    run_cell = example("run_notebook").run_cell
    names: dict[str, object] = {}
    shown = []
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        shown.append(run_cell("".join(cell["source"]), names))
        if "parameters" in cell["metadata"].get("tags", []):
            names.update(MODEL=tmp_path / "model", STEPS=0)
    (result,) = [value for value in shown if isinstance(value, MixResult)]
    page = result._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert "What was done to each track" in page
    assert shown[-1] == ["console.json", "mix.wav", "report.html"]
    assert any(isinstance(value, list) and any("dB" in text for text in value) for value in shown)


def test_the_notebook_is_stored_with_what_it_shows():
    """Texts as texts; the mix, which shows itself as a page with players, as a small picture."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    kinds = [
        [kind for output in cell["outputs"] for kind in output["data"]]
        for cell in cells
        if cell["cell_type"] == "code"
    ]
    assert kinds == [[], *[["text/plain"]], ["image/png"], *[["text/plain"]] * 4]
    (picture,) = [
        output["data"]["image/png"]
        for cell in cells
        for output in cell.get("outputs", [])
        if "image/png" in output["data"]
    ]
    drawn = base64.b64decode(picture)
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) < LARGEST_PICTURE_BYTES
