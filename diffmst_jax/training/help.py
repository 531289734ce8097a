"""`python train.py --help`: what can be chosen, read off the configuration itself."""

from pathlib import Path

WIDTH = 16

HEAD = """Train a mixing style transfer model.

  python train.py experiment=NAME [group=choice ...] [group.key=value ...]
  python train.py resume=RUN_FOLDER [group.key=value ...]
"""

TAIL = """Examples
  python train.py experiment=smoke
  python train.py experiment=compact trainer.steps=2000 trainer.max_seconds=600
  python train.py experiment=af_16 data=folders data.songs=FOLDER data.references=FOLDER
  python train.py experiment=mrstft_af_8 trainer.init_from=runs/mrstft_8/TIME/model
  python train.py -m experiment=compact trainer.seed=0,1 optimizer.learning_rate=1e-3,3e-4
  python train.py -m launcher=slurm experiment=af_16 trainer.seed=0,1 hydra.launcher.partition=gpu
  python train.py experiment=af_16 model.compute_dtype=bfloat16 model.remat=true
  python train.py resume=runs/compact/TIME trainer.steps=40000

See also
  python train.py experiment=NAME --cfg job   every setting of an experiment, nothing is run
  docs/training.md                            runs, resuming, several devices and machines
  python train.py --hydra-help                options of Hydra

A run goes to runs/NAME/TIME, without an experiment to runs/default/TIME. It ends with status 0 when
it is done, 2 when something in its input is wrong, 143 after SIGTERM and 130 after Ctrl-C, with its
state saved.
"""


def help_text(folder: Path) -> str:
    """Compose the help from the files of the configuration folder."""
    experiments, *groups = _groups(folder)
    lines = ["Experiments", *_entries(experiments), "", "Groups (the first choice is the default)"]
    lines += [f"  {group.name:<{WIDTH}}{', '.join(_choices(folder, group))}" for group in groups]
    return "\n".join([HEAD, *lines, "", TAIL])


def _groups(folder: Path) -> list[Path]:
    """Return the folder of experiments, then those of the other groups in their order."""
    return [folder / "experiment", *(folder / name for name in _defaults(folder))]


def _defaults(folder: Path) -> dict[str, str]:
    """Read the default choice of each group."""
    found = {}
    for line in (folder / "config.yaml").read_text().splitlines():
        key, colon, value = line.strip().removeprefix("- ").partition(": ")
        if line.startswith("  - ") and colon and (folder / key / f"{value}.yaml").is_file():
            found[key] = value
    return found


def _choices(folder: Path, group: Path) -> list[str]:
    default = _defaults(folder)[group.name]
    others = sorted(file.stem for file in group.glob("*.yaml") if file.stem != default)
    return [default, *others]


def _entries(group: Path) -> list[str]:
    """Return a line for each file: its name and the first sentence of its opening comment."""
    lines = []
    for file in sorted(group.glob("*.yaml")):
        comments = [
            line.removeprefix("#").strip()
            for line in file.read_text().splitlines()
            if line.startswith("#") and "@package" not in line
        ]
        lines.append(f"  {file.stem:<{WIDTH}}{comments[0]}")
    return lines
