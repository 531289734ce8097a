"""Loss curves of runs: `python -m diffmst_jax.training.curves RUN ... --out PICTURE`."""

import argparse
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from diffmst_jax.training.logger import SCALARS_NAME, read_scalars

mpl.use("Agg")
SIZE_INCHES = (9.0, 3.2)


def draw(runs: list[Path], out: Path) -> None:
    """Draw the loss of training and of validation by step, a colour for each run.

    Args:
      runs: run folders.
      out: PNG, SVG or PDF to write.
    """
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    for axes, group in zip(figure.subplots(1, 2), ("train", "validation"), strict=True):
        for run in runs:
            lines = [s for s in read_scalars(run / SCALARS_NAME) if f"{group}/loss" in s]
            steps, losses = ([s[k] for s in lines] for k in ("step", f"{group}/loss"))
            axes.plot(steps, losses, marker="." if group == "validation" else "", label=run.name)
        axes.set(title=f"{group} loss", xlabel="step", yscale="log")
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the loss curves of training runs.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args()
    draw(given.runs, given.out)
