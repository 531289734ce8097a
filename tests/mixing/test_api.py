import dataclasses
import json
import math
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import diffmst_jax
import dsp
from diffmst_jax.api import mix, render
from diffmst_jax.audio import SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.controls import Controls
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.analyse import predicted_settings
from diffmst_jax.mixing.console.settings import Provenance, RefinementNote
from diffmst_jax.mixing.finishing.output import OutputTarget, finish
from diffmst_jax.mixing.rendering.render import render as render_multitrack
from diffmst_jax.mixing.signals.measure import decibels, integrated_loudness, true_peak
from diffmst_jax.mixing.sources.copies import Copies
from diffmst_jax.mixing.sources.inputs import gather_references, reference_files
from diffmst_jax.mixing.sources.reference import read_reference
from diffmst_jax.mixing.sources.strips import LeftOut
from diffmst_jax.models import Model
from tests.mixing.songs import TINY, bursts, tiny_module, tone


def test_the_mix_is_stereo_as_loud_as_asked_and_never_clipped(mixed, multitrack):
    assert mixed.audio.shape == (2, multitrack.audio.shape[1])
    assert mixed.audio.dtype == np.float32
    loudness = integrated_loudness(mixed.audio, sample_rate=SAMPLE_RATE)
    reached = mixed.report.facts.finished.level
    assert reached.loudness_lufs == pytest.approx(loudness, abs=0.05)
    assert decibels(true_peak(mixed.audio)) <= -1.0 + 1e-6
    side = mixed.audio[0] - mixed.audio[1]
    assert np.sqrt(np.mean(np.square(side))) > 1e-3


def test_settings_say_what_is_heard(mixed, multitrack):
    again = finish(
        render_multitrack(mixed.console, multitrack).mix,
        mixed.console.target,
    )
    np.testing.assert_array_equal(again.audio, mixed.audio)


def test_files_hold_the_result_and_render_sample_identically(mixed, song, tmp_path):
    mixed.write(tmp_path / "out", subtype="FLOAT")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"mix.wav", "console.json", "report.html"}
    np.testing.assert_array_equal(read_audio(tmp_path / "out" / "mix.wav"), mixed.audio)
    rendered = render(song, tmp_path / "out" / "console.json")
    np.testing.assert_array_equal(rendered.audio, mixed.audio)


@pytest.mark.parametrize("ending", ["dawproject", "rpp"])
def test_a_mix_goes_into_a_workstation(mixed, song, tmp_path, ending):
    out = tmp_path / f"session.{ending}"
    notes = mixed.export(song, out)
    assert out.stat().st_size > 0
    assert all(isinstance(note, str) for note in notes)
    text = zipfile.ZipFile(out).read("project.xml") if ending == "dawproject" else out.read_bytes()
    assert all(strip.name.encode() in text for strip in mixed.console.strips)


def test_an_edited_console_is_heard(mixed, song, tmp_path):
    mixed.write(tmp_path / "out")
    path = tmp_path / "out" / "console.json"
    document = json.loads(path.read_text())
    for track in document["tracks"][1:]:
        track["muted"] = True
    document["tracks"][0]["pan"] = 0.0
    document["output"]["loudness_lufs"] = -30.0
    path.write_text(json.dumps(document))
    finished = render(song, path)
    assert finished.level.loudness_lufs == pytest.approx(-30.0, abs=0.05)
    left, right = np.sqrt(np.mean(np.square(finished.audio), axis=1))
    assert right < 1e-4 * left


def test_distances_are_reported_term_by_term(mixed):
    distances = mixed.report.distances
    assert list(distances) == ["Plain sum", "Equal loudness", "Mix"]
    for terms in distances.values():
        parts = sum(value for name, value in terms.items() if name != "total")
        assert terms["total"] == pytest.approx(parts, rel=1e-5)
        assert len(terms) == 6


def test_a_result_is_shown_in_a_line_and_compared(mixed, song):
    distance = mixed.report.distances["Mix"]["total"]
    pattern = rf"<MixResult: {song.name}, 4 strips, 3\.7 s, style distance ([\d.]+)>"
    shown = re.fullmatch(pattern, repr(mixed))
    assert shown
    assert float(shown[1]) == pytest.approx(distance, rel=0.01)
    assert mixed in [mixed]
    assert mixed != dataclasses.replace(mixed, audio=mixed.audio.copy())


def test_a_reference_shorter_than_the_model_s_first_frame_is_refused(song, tmp_path):
    encoder = dataclasses.replace(TINY.encoder, n_fft=65536)
    config = dataclasses.replace(TINY, encoder=encoder, window_samples=65536)
    slow = Model(config, tiny_module(), dsp.ConsoleConfig())
    short = tmp_path / "short.wav"
    write_audio(short, tone(1.0, 440.0), sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=r"short\.wav: is too short \(1.00 s\) .* 1.49 s"):
        mix(song, short, model=slow)


@pytest.mark.slow
def test_centred_tracks_stay_in_the_middle_also_when_refined(mixed, song, reference, model):
    """Stereo ones as recorded, which is the middle of their range; by default near it."""
    names = np.array([strip.file for strip in mixed.console.strips])

    def central(*words):
        return np.array([any(word in name for word in words) for name in names])

    def leaning(centre, which):
        console = mix(song, reference, model=model, centre=centre, refine=2).console
        assert console.provenance.centred == (() if centre == () else tuple(names[which]))
        return np.abs(console.params.tracks.pan - 0.5)

    given, named = central("kick", "pad"), central("kick", "bass")
    held, by_name, free = (
        leaning(["*kick*", "*pad*"], given),
        leaning(None, named),
        leaning((), named),
    )
    np.testing.assert_array_equal(held[given], 0.0)
    assert np.max(held[~given]) > 1e-3
    before = mixed.console.params.tracks.pan
    np.testing.assert_array_equal(by_name[named], np.abs(before - 0.5)[named])
    assert np.all(by_name[named] < 0.5 * free[named])


@pytest.mark.parametrize(("knows_prices", "stays"), [(True, [False, True]), (False, [True, True])])
def test_a_model_that_knows_no_prices_has_tracks_with_a_price_in_the_middle(
    multitrack, knows_prices, stays
):
    def controls(tracks, reference, **options):
        del reference
        assert options["centring"].shape == (len(tracks),)
        return Controls(np.full((len(tracks), 27), 0.7), np.full(25, 0.5), np.full(26, 0.5))

    model = SimpleNamespace(
        controls=controls, console=dsp.ConsoleConfig(), aims_at_style=knows_prices
    )
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, SAMPLE_RATE)).astype(np.float32)
    settings = predicted_settings(
        model,
        multitrack,
        noise,
        target=OutputTarget(),
        provenance=Provenance(),
        centring=np.array([0.1, np.inf, *[0.0] * (len(multitrack.strips) - 2)]),
    )
    found = settings.params.tracks.pan == 0.5
    np.testing.assert_array_equal(found, stays + [False] * (len(found) - 2))


def test_tracks_may_be_one_array(model):
    tracks = np.concatenate([bursts(2.0, 2.0, 1), tone(2.0, 440.0)])
    reference = np.concatenate([tone(2.0, 80.0), tone(2.0, 660.0)])
    result = mix(tracks, reference, model=model)
    assert [strip.file for strip in result.console.strips] == ["track_1", "track_2"]
    named = mix(dict(zip("ab", tracks, strict=True)), reference, model=model)
    np.testing.assert_array_equal(result.audio, named.audio)
    listed = mix(list(tracks), reference, model=model)
    np.testing.assert_array_equal(result.audio, listed.audio)
    np.testing.assert_array_equal(render(tracks, result.console).audio, result.audio)
    with pytest.raises(InputError, match="tracks: have none named 'track_2'; give all"):
        render(tracks[:1], result.console)
    with pytest.raises(InputError, match=r"tracks: is an array with shape \(1, 2, 88200\)"):
        mix(tracks[None], reference, model=model)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"reference": None}, "reference: is None; give files"),
        ({"loudness_lufs": "-14"}, "loudness_lufs: is '-14'; give a number from"),
        ({"lock": 3}, "--lock: is 3; give a pattern"),
        ({"model": 3}, "3: is no folder and no packaged model"),
        ({"section": (0, 3)}, r"section: is \(0, 3\); write it as '0:30-1:10'"),
    ],
)
def test_values_of_other_kinds_are_refused_by_name(song, reference, model, wrong, said):
    with pytest.raises(InputError, match=said):
        mix(song, **{"reference": reference, "model": model, **wrong})


def test_the_level_of_the_reference_does_not_matter(mixed, model, song, reference, tmp_path):
    quiet = tmp_path / "finished.wav"
    write_audio(quiet, 0.1 * read_audio(reference), sample_rate=SAMPLE_RATE, subtype="FLOAT")
    again = mix(song, quiet, model=model)
    np.testing.assert_allclose(again.audio, mixed.audio, rtol=0, atol=2e-3)


def test_what_was_left_out_is_said(mixed):
    assert mixed.report.warnings[0] == "silent.wav was left out: it is silent."


def test_tracks_that_were_to_be_left_out_are_one_sentence(mixed):
    facts = mixed.report.facts
    asked = tuple(LeftOut(f"{name}.wav", "as asked") for name in "abc")
    settings = dataclasses.replace(facts.settings, left_out=(LeftOut("x", "it is silent"), *asked))
    said = dataclasses.replace(mixed.report, facts=facts._replace(settings=settings)).warnings
    assert said[:2] == [
        "x was left out: it is silent.",
        "a.wav, b.wav and c.wav were left out, as asked.",
    ]


def test_tracks_that_begin_later_by_their_time_stamps_are_said(mixed):
    facts = mixed.report.facts
    apart = dataclasses.replace(facts.multitrack, late_s={"vox.wav": 12.345, "gtr.wav": 8.0})
    said = dataclasses.replace(mixed.report, facts=facts._replace(multitrack=apart)).warnings[1]
    assert said.startswith(
        "Time stamps put the start of vox.wav (12.35 s) and gtr.wav (8.00 s) after"
    )


def test_tracks_with_a_dc_offset_are_said(mixed):
    facts = mixed.report.facts
    off = dataclasses.replace(facts.multitrack, offset={"vox": 0.331, "gtr": 0.02})
    said = dataclasses.replace(mixed.report, facts=facts._replace(multitrack=off)).warnings[1]
    assert said.startswith("There is a DC offset in vox (33 % of its peak) and gtr (2 %")
    assert "counts as level, width and balance" in said  # which features are measured with it


def test_recordings_that_are_there_twice_are_said(mixed, monkeypatch):
    found = (
        Copies(("gtr", "gtr"), cancel=True),
        Copies(("vox", "vox 2"), cancel=True),
        Copies(("keys", "keys 2"), cancel=False),
    )
    monkeypatch.setitem(vars(mixed.report.facts.multitrack), "copies", found)
    assert dataclasses.replace(mixed.report).warnings[1:4] == [
        "The channels of gtr cancel each other: invert one and export again.",
        "vox and vox 2 cancel each other: one is the other inverted. Undo that.",
        "keys and keys 2 are one recording: leave one out if that was not meant.",
    ]


def test_what_is_hardly_heard_is_said(mixed, monkeypatch):
    monkeypatch.setattr("diffmst_jax.mixing.report.content.BURIED", 1.0)
    said = dataclasses.replace(mixed.report).warnings[-1]
    assert said.endswith("hardly heard beside the others; raise their input_gain_db.")


def test_a_mix_that_is_still_far_advises_to_refine(mixed):
    """Not where only a part was wanted, or what can be done was done."""

    def advised(distance, **origin):
        facts = mixed.report.facts
        terms = facts.views.mix.distance._replace(total=distance)
        views = facts.views._replace(mix=facts.views.mix._replace(distance=terms))
        provenance = facts.settings.provenance._replace(**origin)
        settings = dataclasses.replace(facts.settings, provenance=provenance)
        report = dataclasses.replace(
            mixed.report, facts=facts._replace(views=views, settings=settings)
        )
        advice = [text for text in report.warnings if "refine it (--refine 60)" in text]
        assert all("two halves of one finished song are about 0.057 apart" in x for x in advice)
        return bool(advice)

    assert advised(0.06)
    assert not advised(0.04)
    assert not advised(0.06, amount="0.5")
    assert not advised(0.06, amount="eq=0")
    note = RefinementNote(60, 0.1, 0.06)
    assert not advised(0.06, refinement=note)
    assert advised(0.06, locked=("*kick*",))
    assert not advised(0.06, locked=("*",)), "the master bus alone comes no nearer"


def test_a_mix_that_stays_quieter_says_so(mixed):
    facts = mixed.report.facts

    def at(loudness):
        level = facts.finished.level._replace(loudness_lufs=loudness)
        finished = facts.finished._replace(level=level)
        return dataclasses.replace(mixed.report, facts=facts._replace(finished=finished))

    assert any("quieter than asked" in text for text in at(-20.0).warnings)
    assert at(-np.inf).warnings[-1] == "The mix is silent."


def test_a_file_of_which_a_channel_is_silent_is_not_said_to_be_left_out(mixed):
    facts = mixed.report.facts
    vox = facts.settings.strips[0].file
    out = (*facts.settings.left_out, LeftOut(vox, "channel 2 is silent"))
    settings = dataclasses.replace(facts.settings, left_out=out)
    report = dataclasses.replace(mixed.report, facts=facts._replace(settings=settings))
    assert f"{vox} is mixed without one of its channels: channel 2 is silent." in report.warnings
    assert "silent.wav was left out: it is silent." in report.warnings


def test_a_mono_reference_is_said(mixed, song, model, tmp_path):
    assert not any("mono" in text for text in mixed.report.warnings)
    dither = np.random.default_rng(0).uniform(-3e-5, 3e-5, (2, 5 * SAMPLE_RATE))
    old = bursts(5.0, 2.0, 3) + dither.astype(np.float32)
    write_audio(tmp_path / "old.wav", old, sample_rate=SAMPLE_RATE)
    warnings = mix(song, tmp_path / "old.wav", model=model).report.warnings
    (said,) = [text for text in warnings if "mono" in text]
    assert said.startswith("old.wav is mono and counts as both channels")


def test_a_reference_with_a_dc_offset_is_said(song, model, tmp_path):
    """It counts as level and width, so that a wide mix may even pass for a mono one."""
    off = 0.1 * np.random.default_rng(0).standard_normal((2, 5 * SAMPLE_RATE)) + 0.3
    write_audio(tmp_path / "old.wav", off.astype(np.float32), sample_rate=SAMPLE_RATE)
    warnings = mix(song, tmp_path / "old.wav", model=model).report.warnings
    (said,) = [text for text in warnings if "DC offset" in text]
    assert said.startswith("There is a DC offset in the reference old.wav (4")
    assert "counts as level, width and balance" in said


def test_beside_a_mono_reference_mono_tracks_stay_in_the_middle(mixed, song, model):
    """Unless it is one voice of several."""
    old = bursts(5.0, 2.0, 3)
    ears = 0.1 * np.random.default_rng(0).standard_normal((2, old.shape[1])).astype(np.float32)
    alone, both = (mix(song, given, model=model).console for given in ([old], [old, ears]))
    is_mono = np.array([not strip.is_pair for strip in alone.strips])
    moved = [
        np.abs(console.params.tracks.pan[is_mono] - 0.5) for console in (mixed.console, alone, both)
    ]
    assert np.max(moved[0]) > 1e-3
    assert np.max(moved[1]) == 0.0
    assert np.max(moved[2]) > 1e-3


def test_a_reference_of_one_channel_counts_as_both(tmp_path):
    write_audio(tmp_path / "x.wav", tone(1.0, 200.0), sample_rate=SAMPLE_RATE)
    audio = read_reference(tmp_path / "x.wav")
    assert audio.shape == (2, SAMPLE_RATE)
    np.testing.assert_array_equal(audio[0], audio[1])


def test_a_reference_with_sound_in_one_channel_alone_counts_as_mono(tmp_path):
    sound = tone(1.0, 200.0)
    quiet = np.random.default_rng(0).uniform(-1e-5, 1e-5, sound.shape)
    for order in ((sound, quiet), (quiet, sound)):
        write_audio(tmp_path / "x.wav", np.concatenate(order), sample_rate=SAMPLE_RATE)
        audio = read_reference(tmp_path / "x.wav")
        np.testing.assert_array_equal(audio[0], audio[1])
        assert np.max(np.abs(audio)) > 0.1


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (np.zeros((2, SAMPLE_RATE), np.float32), "is silent"),
        (np.concatenate([tone(1.0, 200.0)] * 6), "has 6 channels"),
        (tone(0.01, 200.0), "too short"),
        (np.concatenate([tone(1.0, 200.0), -tone(1.0, 200.0, 0.21)]), "out of phase"),
    ],
)
def test_unusable_references_are_refused(tmp_path, audio, problem):
    write_audio(tmp_path / "x.wav", audio, sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=problem):
        read_reference(tmp_path / "x.wav")


def test_a_reference_may_be_an_array_of_jax(song):
    audio = jnp.asarray(0.1 * np.random.default_rng(0).standard_normal((2, 3 * SAMPLE_RATE)))
    (read,) = gather_references(audio, section=None, sample_rate=SAMPLE_RATE)
    np.testing.assert_array_equal(read.audio, np.asarray(audio, np.float32))
    assert reference_files([audio, "a.wav"]) == [Path("a.wav")]


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"loudness_lufs": -4.0}, "loudness_lufs: is -4.0; give a number from -60 to -5"),
        ({"ceiling_dbtp": 0.1}, "ceiling_dbtp: is 0.1; give a number from -20 to 0"),
        ({"ceiling_dbtp": math.nan}, "ceiling_dbtp: is nan"),
        ({"refine": -1}, "refine: is -1; give a number from 0 to 1000"),
        ({"refine": 1.5}, "refine: is 1.5; give a whole number"),
        ({"sample_rate": 0}, "sample_rate: is 0; give a number from 1000 to 768000"),
        ({"tracks": {1: np.zeros(9)}}, "tracks: is of int; give a folder"),
        ({"tracks": [np.zeros(9), "a.wav"]}, "tracks: is of ndarray and str; give a folder"),
        ({"tracks": None}, "tracks: is of NoneType; give a folder"),
        ({"tracks": {"": np.zeros(9)}}, "tracks: have one named ''; give it a name"),
        ({"loudness_lufs": np.array([-14.0, -14.0])}, r"loudness_lufs: is array\(\[-14"),
    ],
)
def test_what_no_mix_can_be_is_refused_before_anything_is_read(wish, problem):
    with pytest.raises(InputError, match=problem):
        mix(**{"tracks": "no song", "reference": "no reference", **wish})


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"sample_rate": 0}, "sample_rate: is 0; give a number from 1000 to 768000"),
        ({"console": {}}, "console: is of dict; give a console.json, or the `console` of a result"),
    ],
)
def test_what_cannot_be_rendered_is_refused_before_anything_is_read(mixed, wish, problem):
    with pytest.raises(InputError, match=problem):
        render("no song", **{"console": mixed.console, **wish})


def test_numbers_may_be_of_any_kind(song, reference, model, tmp_path):
    wishes = {"loudness_lufs": np.array(-20.0), "ceiling_dbtp": jnp.float32(-2.0), "refine": 1.0}
    result = mix(song, reference, model=model, **wishes)
    result.write(tmp_path)
    output = json.loads((tmp_path / "console.json").read_text())["output"]
    assert output == {"loudness_lufs": -20.0, "ceiling_dbtp": -2.0}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"subtype": "PCM24"}, "subtype: is 'PCM24', which wav files do not have; give one of"),
        ({"subtype": "FLOAT", "file_format": "flac"}, "subtype: is 'FLOAT', which flac files"),
    ],
)
def test_a_sample_format_that_a_file_does_not_have_is_refused(mixed, tmp_path, options, problem):
    with pytest.raises(InputError, match=problem):
        mixed.write(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file_format", ["mp3", ".flac"])
def test_a_mix_of_another_format_has_the_samples_of_that_by_itself(mixed, tmp_path, file_format):
    mixed.write(tmp_path, file_format=file_format)
    assert (tmp_path / f"mix.{file_format.removeprefix('.')}").exists()


@pytest.mark.parametrize("option", ["lock", "centre", "exclude"])
def test_a_pattern_that_fits_nothing_is_refused_before_the_model_listens(
    song, reference, model, monkeypatch, option
):
    def listen(*_, **__):
        pytest.fail("the model listens")

    monkeypatch.setattr("diffmst_jax.api.predicted_settings", listen)
    with pytest.raises(InputError, match=rf"--{option} 'Vox\*': matches no track"):
        mix(song, reference, model=model, **{option: "Vox*"})


def test_the_package_offers_the_whole_job_and_nothing_it_has_not():
    assert diffmst_jax.mix is mix
    assert {"mix", "load_model", "MixResult"} <= set(dir(diffmst_jax))
    with pytest.raises(AttributeError, match="remix"):
        _ = diffmst_jax.remix


def test_the_target_has_defaults():
    assert OutputTarget() == (-14.0, -1.0)
