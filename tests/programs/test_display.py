import io

import pytest
from rich.console import Console

from diffmst_jax.programs.display import LINE_EVERY_S, Display


@pytest.mark.parametrize("terminal", [False, True])
def test_where_there_is_no_bar_a_line_says_now_and_then_how_far_it_is(terminal, monkeypatch):
    """A run whose output goes to a file was silent until its first validation."""
    now = 0.0
    monkeypatch.setattr("diffmst_jax.programs.display.time.monotonic", lambda: now)
    text = io.StringIO()
    with Display(Console(file=text, force_terminal=terminal, width=80)) as display:
        for step in range(10):
            display.report("training", step, 100, f"loss {step}")
            now += 0.5 * LINE_EVERY_S
    found = [line for line in text.getvalue().splitlines() if line.startswith("training ")]
    wanted = [f"training {step}/100, loss {step}" for step in (2, 4, 6, 8)]
    assert (found == wanted) != terminal
