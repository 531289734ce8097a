import csv
import dataclasses
import json

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import EvaluationConfig, evaluation_config
from diffmst_jax.evaluation.manifest import (
    draw_sections,
    load_manifest,
    load_section,
    save_manifest,
)
from diffmst_jax.evaluation.metrics import TOTAL
from diffmst_jax.evaluation.run import evaluate, score_section
from diffmst_jax.evaluation.summary import OK, summarize
from diffmst_jax.evaluation.systems import make_systems
from diffmst_jax.training.feed import quiet
from tests.data.conftest import corpus, noise  # noqa: F401  (a fixture)
from tests.training.conftest import CONF


def composed(*overrides: str) -> EvaluationConfig:
    with initialize_config_dir(f"{CONF}/evaluation", version_base="1.3"):
        settings = compose("config", overrides=list(overrides))
    values = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(values, dict)
    return evaluation_config({str(key): value for key, value in values.items()})


@pytest.fixture
def config(corpus) -> EvaluationConfig:  # noqa: F811
    return composed(
        f"data.songs={corpus}",
        f"data.references={corpus}",
        "protocol.examples=3",
        "protocol.duration_s=2",
    )


def sections_of(config, seed=0):
    songs, references = FolderSource(config.data.songs), ReferenceSource(config.data.references)
    return draw_sections(songs, references, config.protocol, seed)


@pytest.mark.parametrize("protocol", ["table1", "table2"])
def test_protocols_are_complete(protocol):
    assert composed(f"protocol={protocol}").protocol.name == protocol


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("systems=[plain_summ]", "evaluation.systems[0]"),
        ("protocol.examples=0", "protocol.examples"),
        ("+protocol.exmples=3", "evaluation.protocol.exmples"),
        ("systems=[]", "systems"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(override, place):
    with pytest.raises(InputError) as caught:
        composed(override)
    assert caught.value.path == place


def test_sections_are_drawn_by_seed_and_survive_their_file(config, tmp_path):
    sections = sections_of(config)
    assert sections == sections_of(config)
    assert sections != sections_of(config, seed=1)
    save_manifest(tmp_path / "manifest.json", sections)
    assert load_manifest(tmp_path / "manifest.json") == sections


def test_fullest_section_of_each_song_has_every_track(config):
    full = composed(
        "protocol=table2",
        f"data.songs={config.data.songs}",
        f"data.references={config.data.references}",
        "protocol.examples=2",
        "protocol.duration_s=2",
    )
    sections = sections_of(full)
    assert [section.song[-1] for section in sections] == ["a", "b"]
    assert len(load_section(sections[0])[0].strips) == 3


def test_listed_song_that_is_not_there_is_named(config):
    with pytest.raises(InputError, match="no song 'c'"):
        sections_of(
            composed(
                f"data.songs={config.data.songs}",
                f"data.references={config.data.references}",
                "protocol.songs=[a,c]",
            )
        )


def test_evaluation_writes_the_same_examples_for_every_system(config, tmp_path):
    scores = evaluate(config, tmp_path, quiet)
    systems = ["plain_sum", "equal_loudness", "equal_loudness_mono"]
    assert [s.system for s in scores] == systems * 3
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert rows[0]["song"] == rows[1]["song"]
    assert float(rows[0][TOTAL]) == pytest.approx(scores[0].values[TOTAL])
    summary = json.loads((tmp_path / "summary.json").read_text())["systems"]
    assert summary["plain_sum"]["examples"] == 3
    mean = np.mean([s.values[TOTAL] for s in scores if s.system == "plain_sum"])
    assert summary["plain_sum"][TOTAL]["mean"] == pytest.approx(mean)
    assert "| plain_sum |" in (tmp_path / "summary.md").read_text()
    again = evaluate(composed(f"manifest={tmp_path / 'manifest.json'}"), tmp_path / "again", quiet)
    assert [s.values for s in again] == [s.values for s in scores]


def test_failing_system_is_counted_and_the_others_are_still_scored(config):
    def broken(multitrack, reference):
        raise ValueError("no idea\nat all")

    systems = {**make_systems(config), "broken": broken}
    scores = score_section(0, sections_of(config)[0], systems, config)
    assert [s.status for s in scores] == [OK, OK, OK, "no idea at all"]
    assert summarize(scores)["broken"] == {"examples": 0, "failed": 1}


def test_nothing_evaluated_is_an_error(config, tmp_path):
    sections = sections_of(config)
    gone = [dataclasses.replace(s, song="/nowhere") for s in sections]
    save_manifest(tmp_path / "gone.json", gone)
    with pytest.raises(InputError, match="nothing could be evaluated"):
        evaluate(composed(f"manifest={tmp_path / 'gone.json'}"), tmp_path, quiet)
