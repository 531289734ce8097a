import os
import signal

import pytest

from diffmst_jax.programs.signals import StopRequest


@pytest.fixture(params=["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"])
def number(request):
    """A signal that somebody else has taken, as submitit takes those of the scheduler."""
    found = signal.Signals[request.param]
    before = signal.signal(found, launcher_s_handler)
    yield found
    signal.signal(found, before)


def launcher_s_handler(number, frame):
    raise AssertionError("it would have requeued the job in the midst of a step")


def test_a_signal_asks_for_a_stop_and_the_handler_is_given_back(number):
    with StopRequest() as stop:
        assert not stop.wanted
        os.kill(os.getpid(), number)
        assert stop.wanted
        assert stop.number == number
    assert signal.getsignal(number) is launcher_s_handler


def test_second_ctrl_c_ends_at_once():
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
