"""Names of files as they are written down and printed."""

import pytest

from diffmst_jax.commands.terminal import say
from diffmst_jax.errors import InputError
from diffmst_jax.names import legible


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Größe 50 %.wav", "Größe 50 %.wav"),
        ("gro\udcdf.wav", "gro%DF.wav"),
        ("two\nlines.wav", "two%0Alines.wav"),
        ("\x1b[31mred\x7f.wav", "%1B[31mred%7F.wav"),
        ("\x9b31mred.wav", "%9B31mred.wav"),
    ],
)
def test_names_are_written_without_what_is_no_text(name, written):
    assert legible(name) == written


def test_a_terminal_obeys_no_name(capsys):
    say("Note: \x1b]0;title\a.wav was left out")
    said = capsys.readouterr().out + str(InputError("\x1b[2J.wav", "is empty", "export it again"))
    assert "\x1b" not in said
    assert "\a" not in said
