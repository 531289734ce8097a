"""The paper's model, console and training step in PyTorch, with dasp-pytorch: to time against.

Same layers, sizes and work as `diffmst_jax` does with `console=diffmst`; weights are random.
"""

import functools
from collections.abc import Callable

import jax
import numpy as np
import peers
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import AudioFeatureWeights
from diffmst_jax.losses.audio_features import (
    BARK_BANDS,
    BARK_FLOOR,
    BARK_HIGH_HZ,
    BARK_HOP,
    BARK_LOW_HZ,
    BARK_N_FFT,
    POWER_FLOOR,
)
from diffmst_jax.models import Cnn14Config, ModelConfig
from dsp.spectral import bark_filterbank

EQ, COMPRESSOR = 18, 6  # controls of one equalizer, of one compressor


class Encoder(nn.Module):
    """Signals `(signals, time)` to embeddings `(signals, width)`."""

    def __init__(self, config: Cnn14Config, width: int, *, remat: bool = False):
        super().__init__()
        self.config, self.remat = config, remat
        sizes = zip((1, *config.widths), config.widths, config.poolings, strict=False)
        self.blocks = nn.Sequential(*(nn.Sequential(*self._block(*size)) for size in sizes))
        self.output = nn.Linear(config.widths[-1], width)

    @staticmethod
    def _block(channels: int, width: int, pooling: tuple[int, int]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for size in (channels, width):
            layers.append(nn.Conv2d(size, width, 3, padding=1, bias=False))
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
        return [*layers, nn.AvgPool2d(pooling)]

    def forward(self, audio: Tensor) -> Tensor:
        """Embed `(signals, time)`."""
        window = torch.hann_window(self.config.n_fft, device=audio.device)
        spectrum = torch.stft(
            audio, self.config.n_fft, self.config.hop, window=window, return_complex=True
        )
        y = ((spectrum.abs() + 1e-8) ** self.config.exponent)[:, None]
        for block in self.blocks:
            # As `remat` of ModelConfig: the backward pass computes the inside of a block anew.
            y = checkpoint(block, y, use_reentrant=False) if self.remat else block(y)
        y = y.float().mean(dim=2)
        return self.output(y.amax(dim=2) + y.mean(dim=2))


class Model(nn.Module):
    """Control vectors in [0, 1]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        assert isinstance(config.encoder, Cnn14Config)
        size = config.transformer
        self.track_encoder, self.mix_encoder = (
            Encoder(config.encoder, size.width, remat=config.remat) for _ in range(2)
        )
        layer = nn.TransformerEncoderLayer(
            size.width, size.heads, size.feed_forward, dropout=0.0, batch_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, size.layers)
        self.tokens = nn.Parameter(torch.randn(5, size.width))  # track, left, right, fx bus, master
        counts = dsp.TRACK_CONTROLS, dsp.FX_BUS_CONTROLS, dsp.MASTER_CONTROLS
        self.heads = nn.ModuleList(nn.Linear(size.width, count) for count in counts)

    def forward(self, tracks: Tensor, reference: Tensor) -> list[Tensor]:
        """Hear `(batch, tracks, time)` and `(batch, 2, time)`."""
        batch, count, _ = tracks.shape
        track = self.track_encoder(tracks.flatten(0, 1)).view(batch, count, -1) + self.tokens[0]
        mix = self.mix_encoder(reference.flatten(0, 1)).view(batch, 2, -1) + self.tokens[1:3]
        buses = self.tokens[3:].expand(batch, -1, -1)
        y = self.transformer(torch.cat([track, mix, buses], dim=1))
        parts = y[:, :count], y[:, -2], y[:, -1]
        return [torch.sigmoid(h(part)) for h, part in zip(self.heads, parts, strict=True)]


def mix(tracks: Tensor, track: Tensor, master: Tensor) -> Tensor:
    """One song's mix `(2, time)` by dasp-pytorch, from its control vectors."""
    t, m = _physical(track, 0), _physical(master, 2)
    strips, bus = list(t.T), [value[None] for value in m]
    arguments = [strips[0], strips[-2], bus[-1], bus[-2]]
    arguments += strips[1 : 1 + EQ + COMPRESSOR] + bus[: EQ + COMPRESSOR]
    return peers.console(tracks, *arguments)[0]


def _physical(controls: Tensor, group: int) -> Tensor:
    low, high = (torch.from_numpy(end[group]).to(controls.device) for end in _ends())
    return low + (high - low) * controls


@functools.cache
def _ends() -> list[list[np.ndarray]]:
    """What controls of 0 and of 1 mean, in the order of the control vectors."""
    sizes = (1, dsp.TRACK_CONTROLS), (dsp.FX_BUS_CONTROLS,), (dsp.MASTER_CONTROLS,)
    found = []
    for end in (0.0, 1.0):
        vectors = (np.full(size, end, np.float32) for size in sizes)
        params = dsp.console_params(*vectors, sample_rate=SAMPLE_RATE)
        strip = jax.tree.map(lambda leaf: leaf[0], params.tracks)
        found.append([_flat(part) for part in (strip, params.fx_bus, params.master_bus)])
    return found


def _flat(settings: tuple) -> np.ndarray:
    parts = []
    for value in settings:
        if isinstance(value, dsp.EqualizerParams):
            parts.append(np.stack(value, axis=1).ravel())
        else:
            parts.append(_flat(value) if isinstance(value, tuple) else np.ravel(value))
    return np.concatenate(parts).astype(np.float32)


def style_distance(found: Tensor, wanted: Tensor, weights: AudioFeatureWeights) -> Tensor:
    """The audio-feature loss of one song, `(2, time)` each."""
    pairs = zip(weights.__dict__.values(), _features(found), _features(wanted), strict=True)
    return sum((weight * (a - b).square().mean() for weight, a, b in pairs), found.new_zeros(()))


@functools.cache
def _bank(device: torch.device) -> Tensor:
    """A constant of the step, as it is under `jax.jit`."""
    bank = bark_filterbank(
        bands=BARK_BANDS,
        n_fft=BARK_N_FFT,
        sample_rate=SAMPLE_RATE,
        low_hz=BARK_LOW_HZ,
        high_hz=BARK_HIGH_HZ,
    )
    return torch.from_numpy(np.float32(bank)).to(device)


def _features(x: Tensor) -> list[Tensor]:
    mid_side = torch.stack([x[0] + x[1], x[0] - x[1]])
    left, right = x.square().mean(dim=1)
    mid, side = mid_side.square().mean(dim=1).clamp(min=POWER_FLOOR)
    rms = x.square().mean(dim=1).clamp(min=POWER_FLOOR).sqrt()
    crest = 20 * torch.log10(x.abs().amax(dim=1).clamp(min=1e-6) / rms)
    window = torch.hann_window(BARK_N_FFT, device=x.device)
    spectrum = torch.stft(mid_side, BARK_N_FFT, BARK_HOP, window=window, return_complex=True)
    bands = spectrum.abs().mean(dim=-1) @ _bank(x.device)
    width, imbalance = side / mid, (right - left) / (left + right).clamp(min=POWER_FLOOR)
    return [rms, crest, width, imbalance, torch.log(bands + BARK_FLOOR)]


def training_step(
    config: ModelConfig,
    weights: AudioFeatureWeights,
    tracks: np.ndarray,
    reference: np.ndarray,
    *,
    clip_norm: float,
) -> tuple[Callable[[], None], str]:
    """Return one step of Adam, and what it runs on.

    The network computes in bfloat16 where `config` says so, by autocast; the console never does.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(config).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    audio, wanted = (torch.from_numpy(part).to(device) for part in (tracks, reference))
    half = config.compute_dtype == "bfloat16"

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            controls = [part.float() for part in model(audio, wanted)]
        songs = zip(audio, wanted, controls[0], controls[2], strict=True)
        losses = [style_distance(mix(x, t, m), r, weights) for x, r, t, m in songs]
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return step, device
