"""The same work by other libraries: dasp-pytorch (differentiable) and pedalboard (C++, forward)."""

from collections.abc import Callable

import numpy as np
import pedalboard
import torch
from dasp_pytorch import functional as dasp

SAMPLE_RATE = 44100
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
Controls = tuple[np.ndarray, ...]


def eq_arguments(equalizer: tuple[np.ndarray, ...]) -> list[torch.Tensor]:
    """dasp-pytorch's eighteen arguments, gain, frequency and Q band by band, each (batch,)."""
    gain_db, frequency_hz, q_factor = (tensor(v) for v in equalizer)
    bands = range(gain_db.shape[-1])
    return [field[..., band] for band in bands for field in (gain_db, frequency_hz, q_factor)]


def comp_arguments(compressor: tuple[np.ndarray, ...]) -> list[torch.Tensor]:
    return [tensor(v) for v in compressor]


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values)).to(DEVICE)


def finish() -> None:
    """Wait until everything that was asked for is done."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def torch_work(
    work: Callable[..., torch.Tensor], x: np.ndarray, arguments: list[torch.Tensor]
) -> tuple[Callable[[], None], Callable[[], None], Callable[[], None]]:
    """Forward without gradient, forward + backward to input and settings, and to the input."""
    signal = tensor(x)

    def forward() -> None:
        with torch.no_grad():
            work(signal, *arguments)
        finish()

    def both() -> None:
        inputs = [signal.clone().requires_grad_()]
        inputs += [a.clone().requires_grad_() for a in arguments]
        work(*inputs).square().sum().backward()
        finish()

    def to_input() -> None:
        inputs = signal.clone().requires_grad_()
        work(inputs, *arguments).square().sum().backward()
        finish()

    return forward, both, to_input


def equalizer(x: torch.Tensor, *arguments: torch.Tensor) -> torch.Tensor:
    return dasp.parametric_eq(x[:, None], SAMPLE_RATE, *arguments)


def compressor(x: torch.Tensor, *arguments: torch.Tensor) -> torch.Tensor:
    return dasp.compressor(x[:, None], SAMPLE_RATE, *arguments)


def console(x: torch.Tensor, *arguments: torch.Tensor) -> torch.Tensor:
    """Channel strips, sum and master bus; arguments as `console_arguments` orders them."""
    gain_db, pan, input_db, output_db, *rest = arguments
    track_eq, track_comp, master_eq, master_comp = rest[:18], rest[18:24], rest[24:42], rest[42:48]
    y = dasp.gain(x[:, None], SAMPLE_RATE, gain_db[:, None, None])
    y = dasp.parametric_eq(y, SAMPLE_RATE, *track_eq)
    y = dasp.compressor(y, SAMPLE_RATE, *track_comp)
    stereo = dasp.stereo_panner(y.permute(1, 0, 2), SAMPLE_RATE, pan[None])
    bus = stereo.sum(dim=2)
    if len(rest) > 48:
        send_db, *reverb = rest[48:]
        bus = bus + _reverb(dasp.stereo_bus(stereo, SAMPLE_RATE, send_db[None, None]), reverb)
    bus = dasp.gain(bus, SAMPLE_RATE, input_db)
    bus = dasp.parametric_eq(bus, SAMPLE_RATE, *master_eq)
    bus = dasp.compressor(bus, SAMPLE_RATE, *master_comp)
    return dasp.gain(bus, SAMPLE_RATE, output_db)


def _reverb(bus: torch.Tensor, arguments: list[torch.Tensor]) -> torch.Tensor:
    return dasp.noise_shaped_reverberation(bus, SAMPLE_RATE, *arguments)


def pedalboard_equalizer(x: np.ndarray, equalizer: tuple[np.ndarray, ...]) -> Callable[[], None]:
    """One board of six filters per track."""
    low, peak, high = (
        pedalboard.LowShelfFilter,
        pedalboard.PeakFilter,
        pedalboard.HighShelfFilter,
    )
    kinds = (low, peak, peak, peak, peak, high)
    boards = [
        pedalboard.Pedalboard(
            [k(float(f[i]), float(g[i]), float(q[i])) for i, k in enumerate(kinds)]
        )
        for g, f, q in zip(*equalizer, strict=True)
    ]
    return lambda: [board(signal, SAMPLE_RATE) for board, signal in zip(boards, x, strict=True)]  # type: ignore[func-returns-value,return-value]


def pedalboard_compressor(x: np.ndarray, settings: tuple[np.ndarray, ...]) -> Callable[[], None]:
    """One compressor (hard knee, attack and release) per track."""
    boards = [
        pedalboard.Compressor(float(t), float(r), float(a), float(s))
        for t, r, a, s, *_ in zip(*settings, strict=True)
    ]
    return lambda: [board(signal, SAMPLE_RATE) for board, signal in zip(boards, x, strict=True)]  # type: ignore[func-returns-value,return-value]
