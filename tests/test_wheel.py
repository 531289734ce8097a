"""The wheel holds everything the program needs, and nothing it takes from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_source_distribution_holds_what_its_own_tests_need(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    wanted = ("tests", "examples", "conf", "docs", "benchmarks", "dsp", "diffmst_jax")
    files = [path for folder in wanted for path in (ROOT / folder).rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in files} <= names
    assert {"Makefile", "requirements.lock", "CHANGELOG.md", "train.py", "evaluate.py"} <= names


@pytest.fixture(scope="module")
def empty_environment(tmp_path_factory):
    """A new environment with the wheel installed, beside the dependencies of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    wanted = ("dsp", "diffmst_jax", "pyproject.toml", "README.md", "LICENSE")
    source.mkdir()
    for name in wanted:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # Dependencies by path: unlike a site folder, it does not bring the editable checkout along.
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    return environment / "bin", folder


@pytest.mark.slow
def test_the_installed_program_works_away_from_the_checkout(empty_environment):
    programs, folder = empty_environment

    # A checkout on the path would hide what the wheel lacks.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    code = (
        "import dsp, diffmst_jax; from pathlib import Path;"
        "print(Path(dsp.__file__).parents[1] == Path(diffmst_jax.__file__).parents[1],"
        "'site-packages' in dsp.__file__)"
    )
    assert run(programs / "python", "-c", code).stdout.strip() == "True True"
    assert run(programs / "diffmst", "--help").returncode == 0
    made = run(programs / "diffmst", "data", "synthesize", "songs", "--songs=1", "--seconds=4")
    assert made.returncode == 0, made.stderr
    assert list((folder / "songs" / "songs").glob("*/*.flac"))


@pytest.mark.slow
def test_the_wheel_holds_the_schema(empty_environment):
    programs, folder = empty_environment
    code = (
        "from importlib.resources import files;"
        "print(files('diffmst_jax').joinpath('schema/console.schema.json').is_file())"
    )
    done = subprocess.run(
        [programs / "python", "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
