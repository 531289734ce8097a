"""`make demo` with songs and references of one's own."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def demo(tmp_path):
    """Run the recipe of the demo with a program that notes its arguments, one per line."""
    program = tmp_path / "diffmst"
    program.write_text(f"""#!/bin/sh\nprintf '%s\\n' "$@" end >> '{tmp_path}/called'\n""")
    program.chmod(0o755)
    (tmp_path / "installed").touch()

    def run(*variables):
        own = f"BIN={tmp_path}", f"STAMP={tmp_path}/installed", f"DEMO={tmp_path}/demo"
        command = ["make", "-f", ROOT / "Makefile", "demo", *own, *variables]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        calls = (tmp_path / "called").read_text().split("end\n")
        return [call.splitlines() for call in calls[:-1]], done.stdout

    return run


def test_names_may_have_spaces(demo):
    calls, said = demo("TRACKS=my song (live)", "REFERENCE=a mix.flac")
    (mixed,) = calls
    assert mixed[:3] == ["mix", "my song (live)", "a mix.flac"]
    assert 'render "my song (live)" ' in said


def test_songs_are_made_where_its_own_are_used(demo):
    calls, _ = demo("TRACKS=misspelt")
    assert [call[0] for call in calls] == ["data", "mix"]


def test_songs_are_made_where_making_them_was_stopped(demo, tmp_path):
    songs = tmp_path / "demo" / "songs"
    (songs / "songs" / "song_00903").mkdir(parents=True)
    (songs / "manifest.json").touch()  # written after every song
    calls, _ = demo()
    assert [call[0] for call in calls] == ["data", "mix"]
    (songs / "references").mkdir()
    (songs / "references" / "song_00904.flac").touch()
    calls, _ = demo()
    assert [call[0] for call in calls[2:]] == ["mix"]
