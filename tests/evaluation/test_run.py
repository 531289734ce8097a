import csv
import dataclasses
import json
import math
import re
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.corpora import quiet
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation import run as run_module
from diffmst_jax.evaluation.frechet import FrechetDistance
from diffmst_jax.evaluation.loading import batches
from diffmst_jax.evaluation.manifest import MANIFEST_NAME, Drawn
from diffmst_jax.evaluation.metrics import CATALOGUE, LEAST_AUDIBILITY, TOTAL
from diffmst_jax.evaluation.report.latex import latex
from diffmst_jax.evaluation.report.more_tables import more_tables
from diffmst_jax.evaluation.report.page_tables import metrics_table, section_table
from diffmst_jax.evaluation.report.paper import TABLE_1, TABLE_2
from diffmst_jax.evaluation.report.plots import by_tracks_plot, distributions
from diffmst_jax.evaluation.report.tables import cell, columns, markdown
from diffmst_jax.evaluation.report.tables import lines as table_lines
from diffmst_jax.evaluation.results import about, compare_runs, run_names, write_results
from diffmst_jax.evaluation.run import MONO, evaluate, find_examples
from diffmst_jax.evaluation.store import EMBEDDINGS_FOLDER, OK, REFERENCE, Row, Store
from diffmst_jax.evaluation.summary import summarize
from diffmst_jax.files import written_beside
from diffmst_jax.mixing.signals.measure import integrated_loudness
from diffmst_jax.programs.environment import ENVIRONMENT_NAME, environments, made_in
from diffmst_jax.programs.signals import Stopped
from evaluate import main as program
from tests.evaluation.conftest import composed
from tests.mixing.songs import tone

SYSTEMS = ["plain_sum", "equal_loudness_mono", "spectral_match", "tiny"]


@pytest.fixture(scope="module")
def summary(finished_run):
    return write_results(finished_run[0], finished_run[1])


def test_every_system_has_every_example(finished_run):
    store, _, reports = finished_run
    assert {(r.example, r.system) for r in store.rows} == {
        (n, s) for n in range(3) for s in [*SYSTEMS, REFERENCE]
    }
    assert all(row.status == OK for row in store.rows)
    assert reports[-1] == ("evaluating", 3, 3)


def test_csv_has_a_line_per_example_system_and_metric(finished_run, summary):
    store = finished_run[0]
    with (store.folder / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    totals = [line for line in lines if line["metric"] == TOTAL]
    assert len(totals) == 3 * len(SYSTEMS)
    tracks = [line for line in lines if line["metric"] == "audibility: kick"]
    assert len(tracks) == 3 * len(SYSTEMS)
    mean = np.mean([float(line["value"]) for line in totals if line["system"] == "tiny"])
    assert summary.systems["tiny"].metrics[TOTAL].mean == pytest.approx(mean)


def test_summary_files_say_the_same(finished_run, summary):
    folder = finished_run[0].folder
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["systems"]["tiny"]["metrics"][TOTAL]["mean"] == pytest.approx(
        summary.systems["tiny"].metrics[TOTAL].mean
    )
    assert "| tiny |" in (folder / "summary.md").read_text()
    assert summary.systems["tiny"].frechet["encoder"].samples == 3
    table = (folder / "table.tex").read_text()
    assert table.count("\\\\") == 1 + len(SYSTEMS) + 1 + len(TABLE_1)
    assert "FAD is on the embedding encoder, the paper's on VGGish" in table


def test_stopped_run_goes_on_and_gives_the_same(finished_run, tmp_path, monkeypatch):
    store, _, _ = finished_run
    folder = tmp_path / "stopped"
    shutil.copytree(store.folder, folder)
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    (folder / "results.jsonl").write_text("".join(lines[:-4]) + lines[-4][:40])
    loaded = []

    def counting(todo, size):
        loaded.extend(todo)
        return batches(loaded, size)

    monkeypatch.setattr(run_module, "batches", counting)
    again = evaluate(composed(f"resume={folder}"), tmp_path, quiet)
    assert len(loaded) == 1
    key = lambda row: (row.example, row.system)  # noqa: E731
    first, second = sorted(store.rows, key=key), sorted(again.rows, key=key)
    assert [key(r) for r in first] == [key(r) for r in second]
    for a, b in zip(first, second, strict=True):
        assert a.values == pytest.approx(b.values, rel=1e-4, abs=1e-6)
    assert len((folder / "results.jsonl").read_text().splitlines()) == len(lines)


def test_ctrl_c_ends_after_the_batch_in_hand_and_keeps_it(overrides, tmp_path):
    def stop_after_the_first(what, done, total):
        if what == "evaluating" and done == 2:
            signal.raise_signal(signal.SIGINT)

    config = composed(*overrides, "systems=[plain_sum]", "protocol.examples=3", "report.audio_mb=0")
    with pytest.raises(Stopped) as stopped:
        evaluate(config, tmp_path, stop_after_the_first)
    assert stopped.value.status == 130
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2 * 2
    here = environments(tmp_path)
    (tmp_path / ENVIRONMENT_NAME).write_text(json.dumps([{**here[0], "jax": "0.0.1"}]))
    store = evaluate(composed(f"resume={tmp_path}"), tmp_path, quiet)
    assert len(store.rows) == 2 * 3
    assert [one["jax"] for one in environments(tmp_path)] == ["0.0.1", here[0]["jax"]]
    summary = write_results(store, config)
    made = summary.about["made in"]
    assert made.startswith("diffmst-jax ")
    assert "jax 0.0.1, " in made
    assert f"; then {made.partition(';')[0].replace('0.0.1', here[0]['jax'])}" in made
    assert made in (tmp_path / "summary.md").read_text()
    assert "jax" not in (tmp_path / "table.tex").read_text()


def test_manifest_gives_another_run_the_same_examples(finished_run, overrides, tmp_path):
    store, _, _ = finished_run
    config = composed(
        *overrides,
        f"manifest={store.folder / 'manifest.json'}",
        "systems=[plain_sum]",
        "report.audio_mb=0",
    )
    other = evaluate(config, tmp_path / "other", quiet)
    assert (other.examples, other.kind) == (store.examples, "table1")
    write_results(other, config)
    both, kind = compare_runs([store.folder, other.folder], tmp_path / "both", config.report)
    assert kind == "table1"
    names = [f"{store.folder.name}: {s}" for s in SYSTEMS]
    assert sorted(both.systems) == sorted([*names, "other: plain_sum"])
    test = next(
        t for t in both.tests[TOTAL] if {t.first, t.second} == {names[0], "other: plain_sum"}
    )
    assert test.pairs == 3
    assert test.difference == pytest.approx(0.0, abs=1e-6)
    assert both.systems[names[0]].frechet["encoder"].samples == 3
    assert both.systems["other: plain_sum"].frechet == {}
    assert heard_in(tmp_path / "both") == {str(n): {*names, REFERENCE} for n in range(3)}


def heard_in(folder):
    """Systems that the page of a run lets one listen to, by example."""
    page = (folder / "report.html").read_text()
    found = re.search(r'id="clips">(.*?)</script>', page)
    assert found is not None
    return {n: {name for name, _ in c} for n, c in json.loads(found.group(1)).items()}


def test_distances_by_encoders_of_several_models_share_no_column(finished_run, tmp_path):
    store, config, _ = finished_run
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        shutil.copytree(store.folder, folder)
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(
            json.dumps({**values, "model": f"models/{folder.name}"})
        )
    both, kind = compare_runs(folders, tmp_path / "both", config.report)
    for folder in folders:
        names = both.systems[f"{folder.name}: plain_sum"].frechet.keys()
        assert names == {f"encoder of models/{folder.name}"}
    assert [line.values[-1] for line in table_lines(both, kind)] == [None] * len(both.systems)
    assert "on no embedding that all systems have" in (tmp_path / "both/table.tex").read_text()
    again = shutil.copytree(store.folder, tmp_path / "again")
    same, kind = compare_runs([store.folder, again], tmp_path / "same", config.report)
    assert {name for s in same.systems.values() for name in s.frechet} == {"encoder"}
    assert None not in [line.values[-1] for line in table_lines(same, kind)]


def test_embedding_of_the_column_is_one_that_all_have(summary):
    tiny, plain = (summary.systems[name] for name in ("tiny", "plain_sum"))
    distance = plain.frechet["encoder"]
    both = {
        "encoder": distance,
        "vggish": distance._replace(distance=distance.distance + 1),
    }
    of_one, of_all = (
        dataclasses.replace(
            summary,
            systems={
                "plain_sum": dataclasses.replace(plain, frechet=both),
                "tiny": dataclasses.replace(tiny, frechet=own),
            },
        )
        for own in ({"encoder": distance}, both)
    )
    assert [line.values[-1] for line in table_lines(of_one, "table1")] == [distance.distance] * 2
    assert [line.values[-1] for line in table_lines(of_all, "table1")] == [
        distance.distance + 1
    ] * 2


def test_compared_runs_of_other_examples_follow_each_other(finished_run, overrides, tmp_path):
    store, _, _ = finished_run
    wanted = ("systems=[plain_sum]", "protocol.examples=2", "seed=1", "report.clip_s=0.1")
    config = composed(*overrides, *wanted)
    other = evaluate(config, tmp_path / "other", quiet)
    both, _ = compare_runs([store.folder, other.folder], tmp_path / "both", config.report)
    assert both.about["examples"] == "different ones"
    assert both.about["made in"] == made_in(store.folder)
    (other.folder / ENVIRONMENT_NAME).unlink()
    both, _ = compare_runs([store.folder, other.folder], tmp_path / "both", config.report)
    assert both.about["made in"] == "different environments"
    assert both.systems["other: plain_sum"].examples == 2
    across = [t.pairs for t in both.tests[TOTAL] if t.second == "other: plain_sum"]
    assert across == [0] * len(SYSTEMS)
    heard = heard_in(tmp_path / "both")
    assert [len(heard[n]) for n in "01234"] == [5, 5, 5, 2, 2]
    assert heard["4"] == {"other: plain_sum", REFERENCE}


def of_kind(kind, finished_run, folder):
    """Copy a run, as if its examples were drawn by another protocol than its settings name."""
    shutil.copytree(finished_run[0].folder, folder)
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps({**manifest, "kind": kind}))
    return folder


def test_compared_runs_of_table_2_stand_in_its_layout(finished_run, tmp_path):
    folders = [of_kind("table2", finished_run, tmp_path / name) for name in ("first", "second")]
    _, kind = compare_runs(folders, tmp_path / "both", finished_run[1].report)
    assert kind == "table2"


def test_lines_of_the_paper_stand_only_beside_examples_of_its_own_protocol(finished_run, tmp_path):
    first, second = (
        of_kind(kind, finished_run, tmp_path / kind) for kind in ("table1", "sections")
    )
    for shown, runs in (("one", [first]), ("both", [first, second])):
        compare_runs(runs, tmp_path / shown, finished_run[1].report)
        summary = (tmp_path / shown / "summary.md").read_text()
        assert ("paper*" in summary) == (shown == "one")
    for folder in (first, second):
        write_results(Store.open(folder), finished_run[1])
        assert ("paper*" in (folder / "summary.md").read_text()) == (folder == first)


@pytest.mark.parametrize("level", ["mix_lufs", "reference_lufs"])
def test_runs_judged_at_other_levels_are_not_compared(finished_run, tmp_path, level):
    folder = finished_run[0].folder
    shutil.copytree(folder, tmp_path / "other")
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    config["protocol"][level] = -22.0
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"-22\.0.*-16\.0") as caught:
        compare_runs([folder, tmp_path / "other"], tmp_path / "both", finished_run[1].report)
    assert caught.value.path == str(tmp_path / "other")
    assert not (tmp_path / "both").exists()


def test_examples_are_judged_at_the_levels_that_they_are_stored_with(
    finished_run, overrides, tmp_path
):
    stored = finished_run[0].folder / "manifest.json"
    wanted = (*overrides, "systems=[plain_sum]", "report.audio_mb=0", "protocol=table2")
    with pytest.raises(InputError, match=re.escape("give protocol.mix_lufs=-16.0")) as caught:
        evaluate(composed(*wanted, f"manifest={stored}"), tmp_path / "refused", quiet)
    assert caught.value.path == str(stored)
    assert not (tmp_path / "refused").exists()
    config = composed(*wanted, f"manifest={stored}", "protocol.mix_lufs=-16")
    assert find_examples(config, quiet).examples == finished_run[0].examples
    changed = json.loads(stored.read_text())
    changed["levels"] = {"mix_lufs": "loud"}
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match=r"changed.json.*levels.reference_lufs: is missing"):
        find_examples(composed(*wanted, f"manifest={tmp_path / 'changed.json'}"), quiet)


def test_of_stored_examples_is_said_what_they_are(finished_run, overrides, tmp_path):
    examples = [
        dataclasses.replace(
            example, folder=f"/data/corpus/songs/{i}", reference="", duration_s=4.0 + i
        )
        for i, example in enumerate(finished_run[0].examples)
    ]
    drawn = composed(*overrides, "protocol.duration_s=9")
    stored = composed(*overrides, "protocol.duration_s=9", "manifest=runs/sections/manifest.json")
    assert about(drawn, examples)["protocol"] == "table1"
    facts = about(stored, examples)
    assert facts["protocol"] == "examples of sections"
    assert (facts["section"], facts["songs"]) == ("4 to 6 s", "corpus")
    assert facts["references"] == "made by the console"


def test_run_that_is_looked_at_stays_as_it_is(finished_run, tmp_path):
    """Another may still write to it: what is half a line now may be whole a moment later."""
    store, config, _ = finished_run
    shutil.copytree(store.folder, tmp_path / "run")
    results = tmp_path / "run" / "results.jsonl"
    with results.open("a") as file:
        file.write('{"example": 3, "song": "o')
    before = results.read_bytes()
    summary, _ = compare_runs([tmp_path / "run"], tmp_path / "seen", config.report)
    assert summary.systems["run: plain_sum"].examples == 3
    assert results.read_bytes() == before


def test_run_is_not_compared_with_itself(finished_run, tmp_path):
    folder = finished_run[0].folder
    again = folder / ".." / folder.name
    with pytest.raises(InputError, match="twice") as caught:
        compare_runs([folder, again], tmp_path / "both", finished_run[1].report)
    assert caught.value.path == str(again)
    assert not (tmp_path / "both").exists()


def test_compared_runs_of_one_name_keep_apart():
    paths = [Path("a/run"), Path("b/run"), Path("b/other")]
    assert run_names(paths) == ["a/run", "b/run", "other"]


def test_unreadable_song_is_counted_and_the_rest_evaluated(finished_run, overrides, tmp_path):
    manifest = json.loads((finished_run[0].folder / "manifest.json").read_text())
    manifest["examples"][1]["folder"] = "/nowhere"
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    wanted = (*overrides, "systems=[plain_sum]", "report.audio_mb=0")
    config = composed(*wanted, f"manifest={tmp_path / 'm.json'}")
    store = evaluate(config, tmp_path / "run", quiet)
    system = write_results(store, config).systems["plain_sum"]
    assert (system.examples, system.failed) == (2, 1)
    assert "/nowhere" in next(iter(system.reasons))
    assert "/nowhere" in (tmp_path / "run" / "summary.md").read_text()
    assert ">failed</td>" in (tmp_path / "run" / "report.html").read_text()
    for example in manifest["examples"]:
        example["folder"] = "/nowhere"
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="nothing could be evaluated"):
        evaluate(config, tmp_path / "none", quiet)


def test_what_is_compared_with_a_mono_reference_is_noted(finished_run, overrides, tmp_path):
    """One such example makes the mean, and nothing else in the tables would say why."""
    manifest = json.loads((finished_run[0].folder / "manifest.json").read_text())
    mono = tmp_path / "mono.wav"
    write_audio(mono, tone(6.0, 330.0), sample_rate=SAMPLE_RATE)
    manifest["examples"][1]["reference"] = str(mono)
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    wanted = (*overrides, "systems=[plain_sum]", "report.audio_mb=0")
    config = composed(*wanted, f"manifest={tmp_path / 'm.json'}")
    store = evaluate(config, tmp_path / "run", quiet)
    assert write_results(store, config).systems["plain_sum"].notes == {MONO: 1}
    assert MONO in (tmp_path / "run" / "summary.md").read_text()


def test_what_failed_is_tried_again_when_a_run_goes_on(finished_run, overrides, tmp_path):
    manifest = json.loads((finished_run[0].folder / "manifest.json").read_text())
    song = Path(manifest["examples"][1]["folder"])
    manifest["examples"][1]["folder"] = str(tmp_path / "song")
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    wanted = (*overrides, "systems=[plain_sum]", "report.audio_mb=0")
    run, on = tmp_path / "run", composed(f"resume={tmp_path / 'run'}")
    evaluate(composed(*wanted, f"manifest={tmp_path / 'm.json'}"), run, quiet)
    for whole in (False, True):
        if whole:
            shutil.copytree(song, tmp_path / "song")
        rows = [row for row in evaluate(on, tmp_path, quiet).rows if row.system == "plain_sum"]
        assert sorted(row.example for row in rows) == [0, 1, 2]
        assert [row.status == OK for row in rows if row.example == 1] == [whole]
        assert len((run / "results.jsonl").read_text().splitlines()) == 5 + whole


def test_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no evaluation"):
        Store.open(tmp_path)


def test_systems_of_similar_names_have_clips_of_their_own(tmp_path):
    store = Store(tmp_path, Drawn("table1", []), [])
    names = [store.clip(3, system).name for system in ("A+", "A*", "A ", "A", "a", "plain_sum")]
    assert len({name.casefold() for name in names}) == len(names)
    assert names[-2:] == ["00003_a.mp3", "00003_plain_sum.mp3"]
    assert all(name.startswith("00003_A") for name in names[:4])


def test_embeddings_that_were_being_written_when_a_run_was_killed_do_not_count(tmp_path):
    """Whole ones counted twice, and half ones kept the run from being gone on with."""
    store = Store(tmp_path, Drawn("table1", []), [])
    with written_beside(tmp_path / EMBEDDINGS_FOLDER / "00001.npz") as temporary:
        store.save_embeddings(0, {"e/a": np.ones((2, 4))})
        for content in ((tmp_path / EMBEDDINGS_FOLDER / "00000.npz").read_bytes(), b"PK"):
            temporary.write_bytes(content)
            assert store.embeddings()["e/a"].shape == (2, 4)


class LoudnessEmbedding:
    """Hears nothing but the level, which it does not take away."""

    name = "loudness"

    def __call__(self, audio):
        return np.array([[integrated_loudness(audio, sample_rate=SAMPLE_RATE)]])


def test_embeddings_hear_mixes_and_references_at_the_protocols_levels(overrides, tmp_path):
    levels = ("protocol.mix_lufs=-22", "protocol.reference_lufs=-14", "protocol.examples=2")
    systems = "systems=[plain_sum,equal_loudness_mono]"
    config = composed(*overrides, *levels, systems, "report.audio_mb=0")
    named = dataclasses.replace(config, embeddings=(f"{__name__}:LoudnessEmbedding",))
    heard = evaluate(named, tmp_path / "run", quiet).embeddings()
    assert heard.pop(f"loudness/{REFERENCE}") == pytest.approx(np.full((2, 1), -14.0), abs=0.01)
    for found in heard.values():
        assert found == pytest.approx(np.full((2, 1), -22.0), abs=0.01)


@pytest.mark.parametrize("wrong", [np.full((2, 4), math.nan), np.ones(4)])
def test_embedding_of_no_use_ends_a_run_before_any_work_is_lost(
    wrong, overrides, tmp_path, monkeypatch
):
    """It ended in a traceback after the last example, and no result was written."""
    monkeypatch.setattr(LoudnessEmbedding, "__call__", lambda self, audio: wrong)
    config = composed(*overrides, "systems=[plain_sum]", "report.audio_mb=0")
    named = dataclasses.replace(config, embeddings=(f"{__name__}:LoudnessEmbedding",))
    with pytest.raises(InputError, match="loudness/reference, of"):
        evaluate(named, tmp_path / "run", quiet)


def rows_of(values, group=lambda i: i):
    return [Row(i, "s", "r", 4, group(i), "a", OK, {TOTAL: v}) for i, v in enumerate(values)]


def test_sections_of_one_song_have_best_worst_and_spread():
    rows = rows_of([0.1, 0.3, 0.2, 0.6], group=lambda i: i // 2)
    spread = summarize(rows, {}, {"protocol": "sections"}).systems["a"].spread
    assert spread is not None
    assert (spread.groups, spread.best, spread.worst) == pytest.approx((2, 0.15, 0.45))
    assert spread.deviation == pytest.approx(0.15)
    assert summarize(rows_of([0.1, 0.2]), {}, {"protocol": "x"}).systems["a"].spread is None


@pytest.mark.parametrize("groups", [1, 2])
def test_the_plot_has_the_interval_of_the_tables_where_there_is_one(groups):
    rows = rows_of([0.1, 0.2, 0.3, 0.4], group=lambda i: i % groups)
    summary = summarize(rows, {}, {"protocol": "sections"})
    assert ("<u " in distributions(summary, rows)) == (groups > 1)
    assert (" to " in metrics_table(summary).partition("</p>")[2]) == (groups > 1)


def test_intervals_and_tests_count_songs_not_their_sections():
    """Two songs of three sections each are two pairs, too few for a test."""
    rows = rows_of([0.1, 0.1, 0.1, 0.5, 0.5, 0.5], group=lambda i: i // 3)
    rows += [dataclasses.replace(row, system="b", values={TOTAL: 1.0}) for row in rows]
    summary = summarize(rows, {}, {"protocol": "sections"})
    (test,) = summary.tests[TOTAL]
    assert test.pairs == 2
    assert test.difference == pytest.approx(-0.7)
    loss = summary.systems["a"].metrics[TOTAL]
    assert (loss.low, loss.high) == pytest.approx((0.1, 0.5))


def test_runs_of_one_number_of_tracks_each_have_no_plot_over_tracks():
    rows = [Row(i, "s", "r", 4 + i, i, f"run {i}", OK, {TOTAL: 0.1}) for i in range(3)]
    assert by_tracks_plot(summarize(rows, {}, {"protocol": "p"})) == ""
    same = [dataclasses.replace(row, system="one") for row in rows]
    assert "Loss over tracks" in by_tracks_plot(summarize(same, {}, {"protocol": "p"}))


def test_loss_by_number_of_tracks_is_a_table_of_its_protocol():
    """It was in summary.json and a plot alone."""
    rows = [
        Row(i, "s", "r", 2 + 2 * (i % 2), i // 2, "a_b", OK, {TOTAL: 0.1 * i}) for i in range(4)
    ]
    rows.append(dataclasses.replace(rows[0], system="c"))
    summary = summarize(rows, {}, {"protocol": "tracks"})
    assert "| 2 | 1 to 2 | 0.1 (0 to 0.2) | 0 |\n| 4 | 2 | 0.2 (0.1 to 0.3) | - |" in markdown(
        summary, "tracks"
    )
    assert "Tracks & Examples & a\\_b & c \\\\" in latex(summary, "tracks")
    assert "4 & 2 & 0.2 (0.1 to 0.3) & - \\\\" in latex(summary, "tracks")
    assert ">0.2 (0.1 to 0.3)</td>" in section_table(more_tables(summary, "tracks").tracks)
    assert "Tracks" not in markdown(summary, "table1") + latex(summary, "table1")


def test_best_and_wins_follow_the_direction_of_the_metric():
    rows = [
        Row(i, "s", "r", 4, i, name, OK, {TOTAL: level + i, LEAST_AUDIBILITY: level + i})
        for name, level in (("low", 0.0), ("high", 0.5))
        for i in range(2)
    ]
    summary = summarize(rows, {}, {"protocol": "p"})
    loss, heard = (summary.systems["low"].metrics[m] for m in (TOTAL, LEAST_AUDIBILITY))
    assert (loss.best, loss.worst) == (0.0, 1.0)
    assert (heard.best, heard.worst) == (1.0, 0.0)
    wins = [summary.tests[m][0].wins for m in (TOTAL, LEAST_AUDIBILITY)]
    assert wins == [1.0, 0.0]
    assert summary.tests[LEAST_AUDIBILITY][0].difference == -0.5


def test_papers_terms_add_up_to_its_loss():
    for row in (*TABLE_1, *TABLE_2):
        terms = [getattr(row, c.metric) for c in columns("table2")[:5]]
        if row in TABLE_2:
            assert sum(terms) == pytest.approx(row.audio_features, abs=0.12), row.system


def test_cells_have_the_papers_units():
    rms, crest, *_, loss, frechet = columns("table1")
    assert cell(2.31e-4, rms) == "2.31e-04"
    assert cell(0.0211, crest) == "2.11"
    assert cell(6.55, loss) == "6.55e+00"
    assert cell(None, loss) == "failed"
    assert cell(math.nan, frechet) == "-"
    assert [cell(x, frechet) for x in (15.0, 153.9, 484088.0)] == ["15.0", "154", "4.84e+05"]


def test_latex_marks_the_best_and_escapes_names():
    rows = rows_of([0.2, 0.4]) + [
        Row(i, "s", "r", 4, i, "b_50%", OK, {TOTAL: 0.1}) for i in range(2)
    ]
    text = latex(summarize(rows, {}, {"protocol": "p"}), "table1")
    assert "b\\_50\\% & " in text
    assert re.search(r"b\\_50\\% &.*\\textbf\{1\.00e-01\}", text)
    assert "\\underline{3.00e-01}" in text
    assert "| b_50% |" in markdown(summarize(rows, {}, {"protocol": "p"}), "table1")


def test_latex_says_of_how_many_examples_a_mean_is():
    rows = [*rows_of([0.2, 0.4]), Row(1, "s", "r", 4, 1, "b", OK, {TOTAL: 0.1})]
    rows.append(Row(0, "s", "r", 4, 0, "b", "no mix of it", {}))
    text = latex(summarize(rows, {}, {"protocol": "p"}), "table1")
    assert "Of fewer examples: b (1 of 2)." in text
    assert "a (" not in text


def test_latex_prints_every_ascii_sign_of_a_name():
    rows = [dataclasses.replace(row, system="<a|b>^2") for row in rows_of([0.2])]
    text = latex(summarize(rows, {}, {"protocol": "p"}), "table1")
    assert r"\textless{}a\textbar{}b\textgreater{}\textasciicircum{}2 & " in text


def test_distance_that_cannot_be_extrapolated_is_a_dash_in_markdown():
    found = {"a": {"bands": FrechetDistance(1.5, math.nan, 3, 3)}}
    text = markdown(summarize(rows_of([0.2]), found, {"protocol": "p"}), "table1")
    assert "| a | bands | 1.5 | - | - | 3 |" in text
    assert "nan" not in text


def test_every_metric_of_a_run_is_explained(finished_run, summary):
    for row in finished_run[0].rows:
        for name in row.values:
            assert name in CATALOGUE or name.startswith("audibility: ")
    page = (finished_run[0].folder / "report.html").read_text()
    assert f'title="{CATALOGUE[TOTAL].meaning}"' in page


def test_program_teaches(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        program()
    taught = capsys.readouterr().out
    assert "protocol=   table1" in taught
    assert "finished=" in taught


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("model=/nowhere", "/nowhere"),
        ("resume=/nowhere", "/nowhere"),
        ("batch=0", "batch"),
        ("embeddings=[nope]", "nope"),
    ],
)
def test_program_refuses_in_one_line(override, named, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "runs" / "x"
    monkeypatch.setattr(sys, "argv", ["evaluate.py", override, f"hydra.run.dir={folder}"])
    with pytest.raises(SystemExit) as left:
        program()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert named in said
    assert not folder.exists()


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        (["resume={}", "batch=1"], "batch=1"),
        (["resume={}", "protocol=table2"], "protocol=table2"),
        (["++report.audio_mb=0", "resume={}"], "++report.audio_mb=0"),
        (["resume={}", "compare=[{}]"], "compare=[{}]"),
        (["compare=[{}]", "report.audio_mb=0", "seed=3"], "seed=3"),
    ],
)
def test_options_that_a_stored_run_decides_are_refused(
    wanted, refused, finished_run, tmp_path, monkeypatch, capsys
):
    run = finished_run[0].folder
    given = [option.format(run) for option in wanted]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *given, f"hydra.run.dir={tmp_path / 'x'}"])
    with pytest.raises(SystemExit) as left:
        program()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"evaluate.py: {refused.format(run)}: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("wanted", [["resume={}"], ["compare=[{}]", "report.audio_mb=0"]])
def test_stored_runs_are_gone_on_with_and_shown(
    wanted, finished_run, tmp_path, monkeypatch, capsys
):
    run = shutil.copytree(finished_run[0].folder, tmp_path / "run")
    given = [option.format(run) for option in wanted]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *given, f"hydra.run.dir={tmp_path / 'x'}"])
    program()
    place = run if wanted == ["resume={}"] else tmp_path / "x"
    assert f"results in {place}\n" in capsys.readouterr().out


@pytest.mark.parametrize("wanted", ["systems=[plain_sum]", "compare=[{}]"])
def test_folder_of_another_evaluation_is_refused(
    wanted, finished_run, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "taken"
    shutil.copytree(finished_run[0].folder, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    override = wanted.format(finished_run[0].folder)
    monkeypatch.setattr(sys, "argv", ["evaluate.py", override, f"hydra.run.dir={folder}"])
    with pytest.raises(SystemExit) as left:
        program()
    assert left.value.code == 2
    assert f"{folder}: holds a run already; go on with resume={folder}" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_stopped_program_says_how_to_go_on(overrides, tmp_path, monkeypatch, capsys):
    def stop(self, batch):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(run_module.Run, "_batch", stop)
    wanted = [*overrides, "systems=[plain_sum]", "protocol.examples=3"]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *wanted, f"hydra.run.dir={tmp_path}"])
    with pytest.raises(SystemExit) as left:
        program()
    assert left.value.code == 143
    assert f"go on with resume={tmp_path}\n" in capsys.readouterr().err
