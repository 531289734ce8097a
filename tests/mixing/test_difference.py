import dataclasses
import re

import numpy as np
import pytest

import dsp
from diffmst_jax.cli import main
from diffmst_jax.mixing.console.file import console_text
from diffmst_jax.mixing.console.meanings import CONSOLE, VALUES
from diffmst_jax.mixing.console.schema import CONFIG_CHOICES
from diffmst_jax.mixing.report.difference import differences
from diffmst_jax.mixing.sources.strips import Strip


@pytest.fixture
def edited(mixed):
    """A copy of the mix's settings with tracks in another order, and a function that edits them."""

    def edit(**changes):
        params = mixed.console.params
        tracks = params.tracks._replace(**changes)
        return dataclasses.replace(mixed.console, params=params._replace(tracks=tracks))

    return edit


def texts(before, after):
    return [item.text for item in differences(before, after)]


def set_at(values, index, value):
    changed = np.array(values)
    changed[index] = value
    return changed


def test_tracks_of_one_name_are_told_apart(mixed):
    strips = (Strip("bass.wav", (1,)), Strip("bass.flac", (1,)), *mixed.console.strips[2:])
    before = dataclasses.replace(mixed.console, strips=strips)
    after = dataclasses.replace(before, muted=set_at(before.muted, 1, value=True))
    assert texts(before, after) == ["bass.flac: muted"]


def test_equal_mixes_have_no_differences_whatever_the_order_of_tracks(mixed):
    settings = mixed.console
    order = [2, 0, 3, 1]
    tracks = settings.params.tracks
    shuffled = dataclasses.replace(
        settings,
        strips=tuple(settings.strips[i] for i in order),
        muted=settings.muted[order],
        source_gain_db=settings.source_gain_db[order],
        params=settings.params._replace(tracks=type(tracks)(*_at(tracks, order))),
    )
    assert differences(settings, shuffled) == []


def _at(tracks, order):
    return [
        type(leaf)(*_at(leaf, order)) if isinstance(leaf, tuple) else leaf[order] for leaf in tracks
    ]


def test_what_is_heard_most_comes_first_in_words_and_units(mixed, edited):
    tracks = mixed.console.params.tracks
    gains = set_at(tracks.input_gain_db, 1, tracks.input_gain_db[1] + 6.0)
    band = set_at(tracks.equalizer.gain_db, (0, 2), tracks.equalizer.gain_db[0, 2] + 3.0)
    after = edited(
        input_gain_db=gains,
        pan=set_at(tracks.pan, 2, 0.35),
        equalizer=tracks.equalizer._replace(gain_db=band),
    )
    after = dataclasses.replace(after, muted=np.array([False, False, False, True]))
    said = texts(mixed.console, after)
    assert said[0] == "11 hat: muted"
    assert said[1] == "2 bass: 6.0 dB louder"
    assert any(text.startswith("1 kick: equalizer ") and " dB at " in text for text in said)
    assert any(text.startswith("10 pad: pan from ") and "30 % left" in text for text in said)
    weights = [item.weight_db for item in differences(mixed.console, after)]
    assert weights == sorted(weights, reverse=True)


def test_a_faster_and_deeper_compressor_is_told(mixed, edited):
    compressor = mixed.console.params.tracks.compressor
    after = edited(
        compressor=compressor._replace(
            ratio=set_at(compressor.ratio, 0, 8.0),
            threshold_db=set_at(compressor.threshold_db, 0, -40.0),
        )
    )
    (change,) = differences(mixed.console, after)
    assert "1 kick: compressor from " in change.text
    assert "8.0 : 1 above" in change.text
    assert change.weight_db > 10


def faders(settings, input_db, output_db, **compressor):
    """The same mix with the faders of the master bus moved, and another compressor between."""
    master = settings.params.master_bus
    master = master._replace(
        input_fader_db=master.input_fader_db + input_db,
        output_fader_db=master.output_fader_db + output_db,
        compressor=master.compressor._replace(**compressor),
    )
    return dataclasses.replace(settings, params=settings.params._replace(master_bus=master))


def test_faders_moved_against_each_other_are_told_where_a_compressor_is_between_them(mixed):
    pressed = {"ratio": 4.0, "threshold_db": -30.0, "knee_db": 0.0}
    before = faders(mixed.console, 0, 0, **pressed)
    (change,) = differences(before, faders(before, 12, -12))
    assert change.text == "Master bus: input fader 12.0 dB up, output fader 12.0 dB down"
    assert change.weight_db == pytest.approx(0.75 * 12)


def test_a_fader_of_the_master_bus_makes_no_mix_louder(mixed):
    """It was said to, but the last gain brings the mix to its loudness: only the compressor hears
    the one before it."""
    before = faders(mixed.console, 0, 0, ratio=4.0, threshold_db=-30.0, knee_db=0.0)
    (change,) = differences(before, faders(before, 4, 0))
    assert change.text == "Master bus: input fader 4.0 dB up"
    assert change.weight_db == pytest.approx(0.75 * 4)
    (change,) = differences(before, faders(before, 0, -3))
    assert change.text == "Master bus: output fader 3.0 dB down"
    assert change.weight_db == 0.0
    (change,) = differences(before, faders(before, 0, -0.04))
    assert change.text == "Master bus: output fader slightly down"
    neutral = faders(mixed.console, 0, 0, ratio=1.0)
    (change,) = differences(neutral, faders(neutral, 12, 0))
    assert not change.is_heard


def moved(settings, levels_db, thresholds_db, master_db):
    """The same mix with levels and thresholds of tracks moved, and its master's threshold."""
    tracks, master = settings.params.tracks, settings.params.master_bus
    compressor, bus = tracks.compressor, master.compressor
    params = settings.params._replace(
        tracks=tracks._replace(
            input_gain_db=tracks.input_gain_db + levels_db,
            compressor=compressor._replace(threshold_db=compressor.threshold_db + thresholds_db),
        ),
        master_bus=master._replace(
            compressor=bus._replace(threshold_db=bus.threshold_db + master_db)
        ),
    )
    return dataclasses.replace(settings, params=params)


def test_levels_that_move_as_one_with_all_thresholds_are_not_told(mixed):
    """Half the balance of tracks far apart was told as every track many dB quieter, that which
    became louder beside the others too: what they share, the mix's loudness takes out again."""
    before = faders(mixed.console, 0, 0, ratio=4.0, threshold_db=-30.0)
    assert differences(before, moved(before, -15.0, -15.0, -15.0)) == []
    levels = np.array([-15.0, -2.5, -15.0, -19.0])
    said = texts(before, moved(before, levels, levels, -15.0))
    assert said == ["2 bass: 12.5 dB louder", "11 hat: 4.0 dB quieter"]
    (change,) = differences(before, moved(before, 0.0, 0.0, -15.0))
    assert change.text.startswith("Master bus: compressor")


def test_a_compressor_that_follows_the_level_before_it_is_not_told(mixed, edited):
    compressor = mixed.console.params.tracks.compressor
    before = edited(compressor=compressor._replace(ratio=np.full(4, 4.0)))
    quieter = np.array([0.0, -6.0, 0.0, 0.0])
    assert texts(before, moved(before, quieter, quieter, 0.0)) == ["2 bass: 6.0 dB quieter"]
    (change,) = differences(before, moved(before, 0.0, quieter, 0.0))
    assert change.text.startswith("2 bass: compressor")


def test_a_file_mixed_in_other_channels_is_told_by_them(mixed):
    strips = mixed.console.strips
    before, after = (
        dataclasses.replace(mixed.console, strips=(Strip("bass.wav", channels), *strips[1:]))
        for channels in ((1, 2), (1,))
    )
    assert texts(before, after) == [
        "bass.wav, channels 1 and 2: is no longer in the mix",
        "bass.wav, channel 1: is new in the mix",
    ]


@pytest.mark.parametrize(
    ("knee_db", "words"),
    [(12.0, "knee 12.0 dB wide (was 0.0 dB)"), (0.04, "slightly different")],
)
def test_a_wider_knee_alone_is_told_and_heard(mixed, edited, knee_db, words):
    compressor = mixed.console.params.tracks.compressor._replace(
        ratio=np.full(4, 4.0), threshold_db=np.full(4, -30.0), knee_db=np.zeros(4)
    )
    knee = set_at(compressor.knee_db, 0, knee_db)
    before = edited(compressor=compressor)
    (change,) = differences(before, edited(compressor=compressor._replace(knee_db=knee)))
    assert change.text == f"1 kick: compressor {words}"
    assert change.weight_db == pytest.approx(0.75 * knee_db / 8, abs=0.01)  # at the threshold
    assert change.is_heard == (knee_db > 1)


def test_everything_a_console_can_be_has_words():
    names = [item.name for item in dataclasses.fields(dsp.ConsoleConfig)]
    assert names == list(CONSOLE)
    choices = {value for values in CONFIG_CHOICES.values() for value in values}
    assert choices == set(VALUES)


def test_where_many_bands_changed_it_is_told_what_is_heard_of_them(mixed, edited):
    equalizer = mixed.console.params.tracks.equalizer
    gains = np.array(equalizer.gain_db)
    gains[0] = [-6.0, -2.0, 0.0, 3.0, 0.5, 4.0]
    flat = np.array(equalizer.gain_db)
    flat[0] = 0.0
    before = edited(equalizer=equalizer._replace(gain_db=flat))
    (change,) = differences(before, edited(equalizer=equalizer._replace(gain_db=gains)))
    assert re.fullmatch(
        r"1 kick: equalizer \d\.\d dB less at \S+ Hz, \d\.\d dB more at \S+ kHz", change.text
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ((12.0, 154.9, 5.0), (12.0, 145.1, 5.0), "frequency 145 Hz (was 155 Hz)"),
        ((12.0, 150.0, 5.0), (12.0, 150.0, 3.0), "Q 3.00 (was 5.00)"),
        ((12.0, 150.25, 5.0), (12.0, 150.0, 5.0), "frequency 150.0 Hz (was 150.2 Hz)"),
        ((12.03, 150.0, 5.0), (12.0, 150.0, 5.001), "gain 12.00 dB (was 12.03 dB), Q 5.001 "),
    ],
)
def test_of_a_band_that_reads_alike_the_value_that_differs_is_named(mixed, edited, old, new, said):
    equalizer = mixed.console.params.tracks.equalizer
    before, after = (
        edited(
            equalizer=type(equalizer)(
                *(set_at(leaf, (0, 2), x) for leaf, x in zip(equalizer, values, strict=True))
            )
        )
        for values in (old, new)
    )
    (change,) = differences(before, after)
    assert change.text.startswith(f"1 kick: equalizer +12.0 dB at 150 Hz, {said}")


def test_changes_too_small_to_hear_are_marked(mixed, edited):
    tracks = mixed.console.params.tracks
    after = edited(input_gain_db=set_at(tracks.input_gain_db, 0, tracks.input_gain_db[0] + 0.1))
    (change,) = differences(mixed.console, after)
    assert not change.is_heard


def test_output_console_and_tracks_that_come_and_go_are_told(mixed):
    settings = mixed.console
    after = dataclasses.replace(
        settings,
        target=settings.target._replace(loudness_lufs=-9.0, ceiling_dbtp=-2.0),
        config=dataclasses.replace(settings.config, pan_law="linear", track_equalizer=False),
        strips=(settings.strips[0]._replace(file="1 kick 2.wav"), *settings.strips[1:]),
    )
    said = texts(settings, after)
    assert "1 kick: is no longer in the mix" in said
    assert "1 kick 2: is new in the mix" in said
    assert (
        "Console: pan law linear (-6 dB in the centre) (was constant power (-3 dB in the centre))"
        in said
    )
    assert "Console: equalizers of the tracks off (was on)" in said
    assert any(text.startswith("Output: loudness \N{MINUS SIGN}9.0 LUFS") for text in said)


def test_tracks_that_come_and_go_are_told_in_the_order_of_the_files(mixed):
    strips = mixed.console.strips
    others = tuple(strip._replace(file=f"new {strip.file}") for strip in strips)
    after = dataclasses.replace(mixed.console, strips=others)
    gone = [f"{strip.name}: is no longer in the mix" for strip in strips]
    assert texts(mixed.console, after) == gone + [
        f"{strip.name}: is new in the mix" for strip in others
    ]


def everything_moved(settings):
    """Other settings for every track and the master bus, whatever of it the console has."""
    tracks, master = settings.params.tracks, settings.params.master_bus
    return dataclasses.replace(
        settings,
        params=settings.params._replace(
            tracks=tracks._replace(
                equalizer=tracks.equalizer._replace(gain_db=tracks.equalizer.gain_db + 9.0),
                compressor=tracks.compressor._replace(ratio=tracks.compressor.ratio + 2.0),
            ),
            master_bus=master._replace(
                equalizer=master.equalizer._replace(gain_db=master.equalizer.gain_db + 9.0),
                output_fader_db=master.output_fader_db + 3.0,
            ),
        ),
    )


@pytest.mark.parametrize(
    ("missing", "pattern"),
    [
        ("track_equalizer", "(?!Master).*: equalizer"),
        ("track_compressor", "(?!Master).*: compressor"),
        ("master_bus", "Master"),
    ],
)
def test_what_a_console_does_not_have_does_not_differ(mixed, missing, pattern):
    config = dataclasses.replace(mixed.console.config, **{missing: False})
    without = dataclasses.replace(mixed.console, config=config)
    said = texts(mixed.console, everything_moved(mixed.console))
    assert any(re.match(pattern, text) for text in said)
    said = texts(without, everything_moved(without))
    assert said
    assert not any(re.match(pattern, text) for text in said)


def test_tracks_that_nobody_hears_do_not_differ(mixed):
    """Muted in both, or muted where it comes or goes."""
    silenced = dataclasses.replace(mixed.console, muted=np.ones(len(mixed.console.strips), bool))
    edit = everything_moved(silenced)
    said = texts(silenced, edit)
    assert said
    assert all(text.startswith("Master bus") for text in said)
    others = tuple(strip._replace(file=f"new {strip.file}") for strip in silenced.strips)
    assert texts(silenced, dataclasses.replace(silenced, strips=others)) == []


def test_the_command_prints_what_is_heard_and_counts_the_rest(mixed, edited, tmp_path, capsys):
    tracks = mixed.console.params.tracks
    gains = set_at(tracks.input_gain_db, 0, tracks.input_gain_db[0] - 2.0)
    gains[1] += 0.1
    (tmp_path / "a.json").write_text(console_text(mixed.console))
    (tmp_path / "b.json").write_text(console_text(edited(input_gain_db=gains)))
    command = ["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert main(command) == 0
    assert capsys.readouterr().out == (
        "1 kick: 2.0 dB quieter\n1 more that can hardly be heard; --all lists them.\n"
    )
    assert main([*command, "--all"]) == 0
    assert capsys.readouterr().out == "1 kick: 2.0 dB quieter\n2 bass: 0.1 dB louder\n"
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "a.json")]) == 0
    assert capsys.readouterr().out == "Nothing changed.\n"


def test_the_command_counts_more_only_where_it_lists_some(mixed, edited, tmp_path, capsys):
    gains = mixed.console.params.tracks.input_gain_db + 0.1
    (tmp_path / "a.json").write_text(console_text(mixed.console))
    (tmp_path / "b.json").write_text(console_text(edited(input_gain_db=gains)))
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    hidden = len(gains)
    assert capsys.readouterr().out == f"{hidden} that can hardly be heard; --all lists them.\n"


def test_a_number_may_be_written_without_a_point(mixed, tmp_path, capsys):
    text = console_text(mixed.console)
    (tmp_path / "a.json").write_text(text)
    lookahead = f'"master_lookahead_ms": {mixed.console.config.master_lookahead_ms}'
    assert lookahead in text
    (tmp_path / "b.json").write_text(text.replace(lookahead, '"master_lookahead_ms": 5'))
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    said = capsys.readouterr().out
    assert said == "Console: lookahead of the master's compressor, ms 5 (was 0)\n"


def test_the_command_names_a_wrong_file(mixed, tmp_path, capsys):
    (tmp_path / "a.json").write_text(console_text(mixed.console))
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "none.json")]) == 2
    assert "none.json: does not exist" in capsys.readouterr().err
