import dataclasses
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jax
import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.sharding import by_rows
from diffmst_jax.training import devices as module
from diffmst_jax.training.devices import first_then_others, join_processes, make_devices
from tests.compiling import FLAGS
from tests.training.programs import ROOT


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("four")
    flags = f"{FLAGS} --xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags}
    subprocess.run(
        [sys.executable, "-m", "tests.training.four_devices", str(folder)],
        cwd=ROOT,
        env={**environment, "JAX_PLATFORMS": "cpu"},
        check=True,
        timeout=400,
    )
    return json.loads((folder / "result.json").read_text())


@pytest.mark.slow
def test_four_devices_train_as_one_does(result):
    for one, four in zip(result["1"], result["4"], strict=True):
        assert four == pytest.approx(one, rel=1e-5, abs=1e-5)
    assert result["1"][0] != result["1"][1]
    # Parameters, momentum, averages and batch statistics.
    differences = result["differences"]
    assert len(differences) > 100
    assert not {name: d for name, d in differences.items() if not d < 1e-5}


@pytest.mark.slow
def test_parameters_are_divided_when_asked(result):
    assert result["divided"] >= 4


@pytest.mark.slow
def test_checkpoint_of_four_devices_is_restored_on_one(result):
    assert result["restored"]
    assert result["devices"] == 1


@pytest.mark.parametrize(
    ("found", "settings", "used"),
    [
        (4, {"batch_size": 8}, (4, 1)),
        (4, {"batch_size": 2}, (2, 1)),
        (4, {"batch_size": 3}, (3, 1)),
        (4, {"batch_size": 8, "fsdp": 2}, (2, 2)),
        (4, {"batch_size": 6, "fsdp": 2}, (1, 2)),
        (4, {"batch_size": 8, "devices": 1}, (1, 1)),
    ],
)
def test_as_many_devices_as_divide_the_batch(tiny, monkeypatch, found, settings, used):
    fake = [SimpleNamespace(id=i) for i in range(found)]
    monkeypatch.setattr(jax, "devices", lambda: fake)
    monkeypatch.setattr(module, "Mesh", lambda grid, axes: SimpleNamespace(shape=grid.shape))
    assert make_devices(dataclasses.replace(tiny.trainer, **settings)).mesh.shape == used


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"devices": 64, "batch_size": 64}, "there are"),
        ({"devices": 2, "batch_size": 3}, "do not divide a batch of 3"),
        ({"fsdp": 64, "batch_size": 64}, "there are"),
    ],
)
def test_devices_that_cannot_be_are_refused(tiny, monkeypatch, settings, said):
    monkeypatch.setattr(jax, "devices", lambda: [SimpleNamespace(id=i) for i in range(4)])
    with pytest.raises(InputError, match=said):
        make_devices(dataclasses.replace(tiny.trainer, **settings))


def test_processes_that_nobody_described_are_refused(tiny, monkeypatch):
    for name in ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID"):
        monkeypatch.delenv(f"JAX_{name}", raising=False)
    with pytest.raises(InputError, match="set JAX_COORDINATOR_ADDRESS"):
        join_processes(dataclasses.replace(tiny.trainer, distributed=True))


@pytest.mark.parametrize(("refusing", "who"), [(0, "the first process"), (1, "another process")])
def test_what_one_process_refuses_to_make_ends_all(monkeypatch, refusing, who):
    """Threads stand for two processes, and meet where those learn of each other."""
    here, flags, meeting = threading.local(), [False, False], threading.Barrier(2, timeout=10)
    made = []

    def anywhere(flag):
        flags[here.number] = flag
        meeting.wait()
        found = any(flags)
        meeting.wait()
        return (found,)

    def process(number):
        here.number = number

        def make():
            if number == refusing:
                raise InputError("songs", "are nowhere", "give others")
            made.append(number)

        with pytest.raises(InputError) as caught:
            first_then_others(make)
        return caught.value.path

    monkeypatch.setattr(module, "anywhere", anywhere)
    monkeypatch.setattr(module, "is_first_process", lambda: here.number == 0)
    with ThreadPoolExecutor(2) as threads:
        named = list(threads.map(process, range(2)))
    assert named[refusing] == "songs"
    assert named[1 - refusing] == who
    assert made == list(range(refusing))


def test_without_a_mesh_rows_are_left_where_they_are():
    assert by_rows(lambda a, b: (a, b))(1, 2) == (1, 2)
