"""Weights by rule, to check VGGish without its 288 MB, and a second VGGish in NumPy."""

import zlib

import numpy as np

SALT = "vggish"
LAYERS = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}
POOLED_AFTER = ("features.0", "features.3", "features.8", "features.13")


def torch_weights() -> dict[str, np.ndarray]:
    """Entries of the PyTorch port's state dict."""
    weights = {}
    for name, shape in LAYERS.items():
        rng = np.random.default_rng(zlib.crc32((SALT + name).encode()))
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        weights[f"{name}.weight"] = rng.standard_normal(shape, np.float32) * scale
        weights[f"{name}.bias"] = 0.1 * rng.standard_normal(shape[0], np.float32)
    rng = np.random.default_rng(zlib.crc32(SALT.encode()))
    weights["pproc.pca_eigen_vectors"] = rng.standard_normal((128, 128), np.float32) / 16
    weights["pproc.pca_means"] = rng.standard_normal((128, 1), np.float32)
    return weights


def vggish_in_numpy(patches: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """The network by matrix products over shifted pictures, channels first."""
    x = patches[:, None]
    for name in list(LAYERS)[:6]:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        height, width = x.shape[2:]
        weight = weights[f"{name}.weight"]
        total = np.zeros((len(x), len(weight), height, width), np.float32)
        for row in range(3):
            for column in range(3):
                part = padded[:, :, row : row + height, column : column + width]
                total += np.tensordot(part, weight[:, :, row, column], (1, 1)).transpose(0, 3, 1, 2)
        x = np.maximum(total + weights[f"{name}.bias"][:, None, None], 0)
        if name in POOLED_AFTER:
            x = x.reshape(len(x), len(weight), height // 2, 2, width // 2, 2).max(axis=(3, 5))
    y = x.transpose(0, 2, 3, 1).reshape(len(x), -1)
    for name in list(LAYERS)[6:]:
        y = y @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        y = y if name == "embeddings.4" else np.maximum(y, 0)
    return y


def log_mel_in_numpy(mono: np.ndarray) -> np.ndarray:
    """The front end after its description, frame by frame and band by band."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = [mono[start : start + 400] * window for start in range(0, len(mono) - 399, 160)]
    spectrum = np.abs(np.fft.rfft(np.array(frames, np.float64), 512))
    mel_of = lambda hz: 1127.0 * np.log(1.0 + hz / 700.0)  # noqa: E731
    bins, edges = mel_of(np.linspace(0, 8000, 257)), np.linspace(mel_of(125.0), mel_of(7500.0), 66)
    bank = np.zeros((257, 64))
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        slopes = (bins - low) / (centre - low), (high - bins) / (high - centre)
        bank[:, band] = np.maximum(0, np.minimum(*slopes))
    bank[0] = 0
    logs = np.log(spectrum @ bank + 0.01)
    count = len(logs) // 96
    return logs[: count * 96].reshape(count, 96, 64)
