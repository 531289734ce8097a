"""`diffmst data check` and `diffmst data synthesize`."""

import argparse

from diffmst_jax.commands.terminal import progress, say
from diffmst_jax.data.check import check_corpus
from diffmst_jax.data.synthesis.corpus import DURATION_S, synthesize_corpus

EXIT_FINDINGS = 1


def run_check(options: argparse.Namespace) -> int:
    """List the faults of a corpus; status 1 if there is any."""
    songs = faults = 0
    for song, findings in check_corpus(options.root):
        songs += 1
        faults += len(findings)
        for finding in findings:
            place = "/".join(part for part in (song, finding.track) if part)
            say(f"{place}: {finding.kind}: {finding.detail}")
    say(f"{songs} songs, {faults} findings")
    return EXIT_FINDINGS if faults else 0


def run_synthesize(options: argparse.Namespace) -> int:
    """Compose, play and write songs."""
    with progress() as tell:
        synthesize_corpus(
            options.out,
            options.songs,
            options.seed,
            duration_s=options.seconds or DURATION_S,
            progress=lambda done: tell(f"Song {done} of {options.songs}", done / options.songs),
        )
    say(f"{options.out}  {options.songs} songs")
    return 0
