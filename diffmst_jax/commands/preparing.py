"""`diffmst prepare`."""

import argparse

from diffmst_jax.commands.terminal import progress, say
from diffmst_jax.models import load_model
from diffmst_jax.models.given import padded_count
from diffmst_jax.process import check_kept
from diffmst_jax.progress import Tell
from diffmst_jax.rehearsal import rehearse


def run_prepare(options: argparse.Namespace) -> int:
    """Mix noise with each number of tracks, for the sake of what that compiles."""
    check_kept()
    counts = sorted({padded_count(count) for count in options.tracks})
    model = load_model(options.model)
    with progress() as tell:
        for number, count in enumerate(counts):
            rehearse(model, count, _part(tell, number, counts))
    numbers = ", ".join(f"{_fewest(count)} to {count}" for count in counts)
    say(f"Ready: songs of {numbers} tracks are mixed without compiling first.")
    return 0


def _fewest(count: int) -> int:
    """The smallest number of tracks that is padded to `count`."""
    return next(fewer for fewer in range(1, count + 1) if padded_count(fewer) == count)


def _part(tell: Tell, number: int, counts: list[int]) -> Tell:
    """What one of the mixes tells, as a part of all."""
    stage = f"{counts[number]} tracks"
    return lambda _, done: tell(stage, (number + done) / len(counts))
