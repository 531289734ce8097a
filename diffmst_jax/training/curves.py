"""Loss curves of runs: `python -m diffmst_jax.training.curves RUN ... --out PICTURE`."""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from diffmst_jax.training.logger import SCALARS_NAME, read_scalars

mpl.use("Agg")
mpl.rcParams["svg.fonttype"] = "none"  # text as text: a third of the size
SIZE_INCHES = (9.0, 3.2)
SMOOTHED_SHARE = 0.2  # of a run: how much of it a running mean takes in


def draw(runs: list[Path], out: Path) -> None:
    """Draw the loss of training and of validation by step, a colour for each run.

    Batches differ more than training moves: their losses are drawn pale, and their running
    geometric mean over a fifth of the run in full colour.

    Args:
      runs: run folders.
      out: PNG, SVG or PDF to write.
    """
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    training, validation = figure.subplots(1, 2)
    for index, run in enumerate(runs):
        colour = f"C{index}"
        steps, losses = _losses(run, "train")
        training.plot(steps, losses, color=colour, alpha=0.2, linewidth=0.8)
        training.plot(*_smoothed(steps, losses), color=colour)
        validation.plot(*_losses(run, "validation"), color=colour, marker=".", label=run.name)
    for axes, title in ((training, "training"), (validation, "validation")):
        axes.set(title=f"{title} loss", xlabel="step", yscale="log")
        axes.grid(visible=True, which="both", alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(out, dpi=100)


def _losses(run: Path, group: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and losses of `group` that a run has logged."""
    key = f"{group}/loss"
    lines = [line for line in read_scalars(run / SCALARS_NAME) if key in line]
    return np.array([s["step"] for s in lines]), np.array([s[key] for s in lines])


def _smoothed(steps: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the running geometric mean, at the middle of what it takes in."""
    count = max(1, round(SMOOTHED_SHARE * len(steps)))
    mean = np.full(count, 1.0 / count)
    return np.convolve(steps, mean, "valid"), np.exp(np.convolve(np.log(losses), mean, "valid"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the loss curves of training runs.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args()
    draw(given.runs, given.out)
