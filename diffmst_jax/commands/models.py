"""`diffmst convert`."""

import argparse

from diffmst_jax.commands.terminal import say
from diffmst_jax.models.convert import convert_checkpoint


def run_convert(options: argparse.Namespace) -> int:
    """From a PyTorch checkpoint to a model folder."""
    convert_checkpoint(options.checkpoint, options.out)
    say(f"{options.out}  ready: diffmst mix TRACKS REFERENCE --out DIR --model {options.out}")
    return 0
