"""Model folders: written whole, read back the same, wrong ones refused by name."""

import json

import numpy as np
import pytest
import yaml
from flax import nnx
from safetensors.numpy import load_file, save_file

import dsp
from diffmst_jax.errors import InputError
from diffmst_jax.models import load_model, save_model
from diffmst_jax.models.folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, flat_weights
from tests.compiling import quickly
from tests.models.small import SMALL, model, song


def save(folder, name, card):
    save_model(folder, model(name), SMALL[name], card, console=dsp.ConsoleConfig())


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "model", "cnn14", "# A model\n")
    return tmp_path / "model"


def test_a_model_is_called_as_its_folder(folder, monkeypatch):
    assert load_model(folder).name == "model"
    monkeypatch.chdir(folder)
    assert load_model(".").name == "model"
    assert load_model("compact").name == "compact"


def test_a_saved_model_comes_back_the_same(folder):
    loaded = load_model(folder)
    assert loaded.config == SMALL["cnn14"]
    assert loaded.console == dsp.ConsoleConfig()
    assert (folder / CARD_FILE).read_text() == "# A model\n"
    ours, theirs = (nnx.to_flat_state(nnx.state(m)) for m in (model("cnn14"), loaded.module))
    for (path, a), (other, b) in zip(ours, theirs, strict=True):
        assert path == other
        np.testing.assert_array_equal(a[...], b[...])
    assert loaded.module.track_encoder.blocks[0].norm1.use_running_average


def test_saving_again_replaces_the_model(folder):
    save(folder, "compact", "# Another\n")
    assert load_model(folder).config.architecture == "compact"
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [CARD_FILE, CONFIG_FILE, WEIGHTS_FILE]
    )


def test_a_failed_save_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        save(tmp_path / "file", "compact", "")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def _edit_config(folder, **changes):
    values = yaml.safe_load((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(values | changes))


def _edit_weights(folder, edit):
    weights = load_file(folder / WEIGHTS_FILE)
    edit(weights)
    save_file(weights, folder / WEIGHTS_FILE)


def _break(weights):
    weights["track_head.bias"][3] = np.nan
    token = weights["controller.track_token"].astype(np.float64)
    weights["controller.track_token"] = token + 1e300  # infinite in float32


def _quantize(path):
    """Say of each byte of the weights that it is a float."""
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    for entry in header.values():
        first, last = entry["data_offsets"]
        entry |= {"dtype": "F8_E4M3", "shape": [last - first]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[end:])


DAMAGE = {
    "no config": (lambda f: (f / CONFIG_FILE).unlink(), "config.yaml: does not exist"),
    "no weights": (lambda f: (f / WEIGHTS_FILE).unlink(), "weights.safetensors: does not exist"),
    "not yaml": (lambda f: (f / CONFIG_FILE).write_text("a: [b"), "is not YAML"),
    "empty config": (lambda f: (f / CONFIG_FILE).write_text(""), "is not the configuration"),
    "a run's config": (
        lambda f: (f / CONFIG_FILE).write_text("name: compact\nmodel: {}\n"),
        "not the configuration of a model; .*RUN/model",
    ),
    "version": (lambda f: _edit_config(f, format_version=9), "format version 9, .* 1; use the"),
    "config": (lambda f: _edit_config(f, remat="maybe"), "remat: is 'maybe'"),
    "console": (
        lambda f: _edit_config(f, console={"reverb": 1}),
        "console.track_equalizer: is missing",
    ),
    "quantized": (lambda f: _quantize(f / WEIGHTS_FILE), "floats of 8 bits"),
    "cut": (lambda f: (f / WEIGHTS_FILE).write_bytes(b"abc"), "is damaged"),
    "missing": (
        lambda f: _edit_weights(f, lambda w: w.pop("track_head.bias")),
        "missing: track_head.bias",
    ),
    "unexpected": (
        lambda f: _edit_weights(f, lambda w: w.update(extra=np.zeros(1))),
        "unexpected: extra",
    ),
    "misshapen": (
        lambda f: _edit_weights(f, lambda w: w.update({"track_head.bias": np.zeros(3)})),
        r"misshapen: track_head.bias \[3\] instead of \[27\]",
    ),
    "not finite": (
        lambda f: _edit_weights(f, _break),
        r"NaN or infinite weights: controller.track_token, track_head.bias; give",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_in_one_line(folder, damage):
    harm, message = DAMAGE[damage]
    harm(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_every_entry_that_does_not_fit_is_listed(folder):
    _edit_weights(folder, lambda w: [w.pop(name) for name in list(w) if "encoder" in name])
    gone = [name for name in flat_weights(model("cnn14")) if "encoder" in name]
    assert len(gone) > 20
    with pytest.raises(InputError) as caught:
        load_model(folder)
    assert all(name in str(caught.value) for name in gone)


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(InputError, match="no packaged model"):
        load_model(tmp_path / "nothing")
    with pytest.raises(InputError, match="no packaged model"):
        load_model("grand")


def test_a_loaded_model_predicts(folder):
    tracks, reference = song(2)
    with quickly():
        loaded = load_model(folder)
    assert loaded.controls(tracks, reference).track.shape == (2, 27)
