"""`diffmst serve` as a process: what it says, how it refuses to start, how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from diffmst_jax.cli import main
from tests.mixing.songs import save_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny_model(folder)
    return folder


def start(*arguments):
    command = [sys.executable, "-m", "diffmst_jax", "serve", "--no-browser", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )


@pytest.mark.slow
def test_it_says_where_it_is_keeps_songs_and_ends_on_ctrl_c_without_a_trace(model, tmp_path):
    folder = tmp_path / "songs"
    server = start(folder, "--port", 0, "--model", model)
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
    assert str(folder) in server.stdout.readline()
    assert b"<title>diffmst" in urllib.request.urlopen(address).read()
    server.send_signal(signal.SIGINT)
    out, error = server.communicate(timeout=20)
    assert (server.returncode, out, error) == (0, "", "")


def refusal(capsys, *arguments):
    status = main(["serve", "--no-browser", *map(str, arguments)])
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return status, error


def test_a_port_in_use_is_named_with_a_remedy(model, tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, error = refusal(capsys, tmp_path, "--port", port, "--model", model)
    assert status == 2
    assert f"--port {port}: is in use; give another one, or 0" in error


def test_a_folder_that_is_a_file_and_a_model_that_is_none_are_refused(model, tmp_path, capsys):
    (tmp_path / "file").touch()
    status, error = refusal(capsys, tmp_path / "file", "--port", 0, "--model", model)
    assert (status, "is a file, not a folder" in error) == (2, True)
    status, error = refusal(capsys, "--port", 0, "--model", tmp_path / "none")
    assert (status, "none" in error) == (2, True)


@pytest.mark.parametrize("wrong", [("--port", "70000"), ("--max-upload-mb", "0"), ("--port", "x")])
def test_wrong_numbers_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        refusal(capsys, *wrong)
    assert ended.value.code == 2
