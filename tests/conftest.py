"""Strictness, compile-time settings and a browser, shared by every test."""

import os
import shutil
import tempfile

import jax
import pytest

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
# Everything is kept: to look up the program of one `jnp.add` takes a fifth of compiling it.
KEPT_FROM_VARIABLE, KEPT_FROM_S = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", 0.0

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)

jax.config.update("jax_numpy_rank_promotion", "raise")
# JAX_PLATFORMS=cuda pytest tests/dsp: the same on an accelerator.
jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS", "cpu"))


def pytest_configure(config):
    """Compile what is the same in several tests, workers and programs once in a session."""
    if CACHE_VARIABLE not in os.environ:
        config.compiled = os.environ[CACHE_VARIABLE] = tempfile.mkdtemp(prefix="compiled-")
    jax.config.update("jax_compilation_cache_dir", os.environ[CACHE_VARIABLE])
    os.environ[KEPT_FROM_VARIABLE] = str(KEPT_FROM_S)  # for programs that tests start
    jax.config.update("jax_persistent_cache_min_compile_time_secs", KEPT_FROM_S)


def pytest_unconfigure(config):
    if hasattr(config, "compiled"):
        shutil.rmtree(config.compiled, ignore_errors=True)


@pytest.fixture
def float64():
    """Compute in double precision inside one test, for finite differences and references."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def raw_name(tmp_path):
    """Turns bytes into a file name; skips where file systems have no names that are no UTF-8."""
    try:
        trial = tmp_path / os.fsdecode(b"\xff")
        trial.touch()
        trial.unlink()
    except (OSError, ValueError):
        pytest.skip("this file system takes no names but UTF-8")
    return os.fsdecode


@pytest.fixture(scope="module")
def chromium():
    """The one browser of a test module; skips with a reason where there is none.

    It does not outlive its module: Playwright leaves an event loop running in its thread, in which
    neither a second Playwright nor anything else with a loop of its own can start.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_ARGUMENTS))
        yield browser
        browser.close()
