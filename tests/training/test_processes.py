"""Runs that are killed, stopped, resumed and shared by processes, against one left in peace."""

import signal
import socket
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import pytest
from safetensors.numpy import load_file

from diffmst_jax.training.config import load_train_values
from tests.training.programs import TINY, children, finish, scalars, start, wait_for

WEIGHTS = "model/weights.safetensors"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def arguments(corpus):
    return [*TINY, f"data.songs={corpus}", f"data.references={corpus}"]


@pytest.fixture(scope="module")
def swept(arguments, cache, tmp_path_factory) -> list[Path]:
    """The runs of a sweep over two seeds, the first of which is that of the other runs."""
    folder = tmp_path_factory.mktemp("runs") / "sweep"
    finish(start(["-m", *arguments, "trainer.seed=0,1", f"hydra.sweep.dir={folder}"], cache))
    return sorted(folder.glob("[0-9]"))


@pytest.fixture(scope="module")
def whole(swept) -> Path:
    return swept[0]


@pytest.mark.slow
def test_sweep_trains_a_model_for_each_seed(swept):
    assert [load_train_values(run)["trainer"]["seed"] for run in swept] == [0, 1]
    first, second = (load_file(run / WEIGHTS) for run in swept)
    kernels = [name for name in first if name.endswith("kernel")]
    assert not any(np.allclose(first[name], second[name], atol=1e-3) for name in kernels)
    means = [name for name in first if name.endswith(("norm1.mean", "norm2.mean"))]
    assert means
    assert all(np.all(first[name]) for name in means), "batch statistics were not updated"


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_bits(whole, arguments, cache, tmp_path):
    """With a process that prepares batches before, which does not outlive it, and without after."""
    folder = tmp_path / "killed"
    process = start([*arguments, "data.workers=1", f"hydra.run.dir={folder}"], cache)
    wait_for((folder / "checkpoints" / "3").is_dir, process)
    started = children(process)
    process.send_signal(signal.SIGKILL)
    finish(process, -signal.SIGKILL)
    assert not (folder / "model").exists(), "it was killed too late to be resumed"
    assert started or not Path("/proc").exists()
    finish(start([f"resume={folder}", "data.workers=0"], cache))
    assert not [number for number in started if Path(f"/proc/{number}").exists()]
    assert (folder / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert scalars(folder) == scalars(whole)
    kept, expected = (
        {item.name for item in (run / "checkpoints").iterdir()} for run in (folder, whole)
    )
    assert kept == expected
    found = state_of(folder, 8)
    for name, leaf in state_of(whole, 8).items():
        np.testing.assert_array_equal(found[name], leaf)


def state_of(run_dir: Path, step: int) -> dict[str, np.ndarray]:
    """Read the arrays of a checkpoint as they lie there, numbered."""
    folder = run_dir.resolve() / "checkpoints" / str(step) / "state"
    with ocp.StandardCheckpointer() as checkpointer:
        leaves = checkpointer.metadata(folder).item_metadata.tree
        shapes = {name: np.empty(leaf.shape, leaf.dtype) for name, leaf in leaves.items()}
        read: dict[str, np.ndarray] = checkpointer.restore(folder, shapes)
    return read


def two_processes(arguments: tuple[list[str], list[str]], cache: Path, folder: Path):
    """Start two processes of one run, each with its own arguments and run folder."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    return [
        start(
            [*own, "trainer.distributed=true", f"hydra.run.dir={folder}_{i}"],
            cache,
            JAX_COORDINATOR_ADDRESS=f"localhost:{port}",
            JAX_NUM_PROCESSES="2",
            JAX_PROCESS_ID=str(i),
        )
        for i, own in enumerate(arguments)
    ]


@pytest.mark.slow
def test_data_that_the_second_process_refuses_ends_both(arguments, cache, tmp_path):
    wrong = [*arguments, f"data.songs={tmp_path / 'nowhere'}"]
    processes = two_processes((arguments, wrong), cache, tmp_path / "two")
    try:
        said = [finish(process, 2, timeout_s=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert "nowhere" in said[1]
    assert "another process: was refused" in said[0]
    assert "Traceback" not in "".join(said)


@pytest.mark.slow
def test_two_processes_train_one_model_and_stop_together(whole, arguments, cache, tmp_path):
    processes = two_processes((arguments, arguments), cache, tmp_path / "two")
    first = tmp_path / "two_0"
    wait_for((first / "checkpoints" / "3").is_dir, processes[0])
    processes[1].send_signal(signal.SIGTERM)
    said = [finish(process, 128 + signal.SIGTERM) for process in processes]
    assert f"resume={first} goes on" in said[0]
    assert not said[1], "only the first process speaks"
    assert not (tmp_path / "two_1").exists(), "all write into one folder"

    finish(start([f"resume={first}", "trainer.distributed=false"], cache))
    expected, found = (load_file(run / WEIGHTS) for run in (whole, first))
    for name, weights in expected.items():
        if name.endswith("attention.input.bias"):
            continue  # of keys: its gradient is zero but for rounding, of which Adam makes steps
        np.testing.assert_allclose(found[name], weights, atol=1e-5, err_msg=name)
    for mine, theirs in zip(scalars(first), scalars(whole), strict=True):
        for values in (mine, theirs):
            values.pop("train/norm_update", None)  # the steps of that bias are in it
        assert mine == pytest.approx(theirs, rel=1e-5, abs=1e-5)
