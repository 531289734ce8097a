import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from diffmst_jax.programs.argument import argument


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("runs/2026-01-31_12-00-00", "resume=runs/2026-01-31_12-00-00"),
        ("My runs/1", "'resume=My runs/1'"),
        ("runs/steps=3,seed=1", """'resume="runs/steps=3,seed=1"'"""),
        ("runs (old)", """'resume="runs (old)"'"""),
        ('a "b"', r"""'resume="a \"b\""'"""),
        ("it's", """'resume="it'"'"'s"'"""),
        ("3", """'resume="3"'"""),
        ("null", """'resume="null"'"""),
    ],
)
def test_a_shell_and_hydra_read_what_was_meant(text, written):
    assert argument("resume", text) == written
    (word,) = shlex.split(written)
    assert OverridesParser.create().parse_override(word).value() == text
