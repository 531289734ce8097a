"""Settings of a session as sliders of the effects in `jsfx/`, by slider number."""

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np

import dsp
from diffmst_jax.export.session import Session, SessionMaster, SessionTrack
from dsp.stereo import PAN_LAWS

CHANNEL, MASTER, LIMITER = (
    "diffmst_channel.jsfx",
    "diffmst_master.jsfx",
    "diffmst_limiter.jsfx",
)
LIBRARY = "diffmst_dsp.jsfx-inc"

LINKS = {"apart": 0, "mean": 1, "max": 2, "sum": 3}
EQUALIZER, COMPRESSOR = 3, 22
"""The first slider of each, in the order of their settings."""

LINK, IS_DECOUPLED, LOOKAHEAD = 28, 29, 30
CHANNEL_LEAN, CHANNEL_LAW, CHANNEL_OUTPUT = 31, 32, 33

SLIDER_LINE = re.compile(r"slider(\d+):([-+.\d]+)<", re.ASCII)

Sliders = Mapping[int, float]


def effect_files() -> list[Traversable]:
    """The effects of the package, to copy."""
    return [_file(name) for name in (CHANNEL, MASTER, LIMITER, LIBRARY)]


def slider_values(effect: str, sliders: Sliders) -> list[float]:
    """Values of all sliders of an effect in order, with its defaults where none is given."""
    lines = _file(effect).read_text(encoding="ascii").splitlines()
    found = [match for line in lines if (match := SLIDER_LINE.match(line))]
    return [sliders.get(int(number), float(default)) for number, default in map(_groups, found)]


def channel_sliders(session: Session, track: SessionTrack) -> Sliders:
    """Sliders of a track's channel strip."""
    config = session.config
    sliders = {
        **_equalizer(track.equalizer),
        **_compressor(track.compressor, config, config.track_lookahead_ms),
        LINK: LINKS["mean" if track.is_stereo else "apart"],
        CHANNEL_LAW: PAN_LAWS.index(config.pan_law),
        CHANNEL_OUTPUT: track.output_gain_db,
    }
    if track.is_stereo:
        sliders[CHANNEL_LEAN] = 200 * (track.pan - 0.5)
    return sliders


def master_sliders(session: Session) -> Sliders:
    """Sliders of the master bus."""
    master, config = session.master, session.config
    return {
        **_equalizer(master.equalizer),
        **_compressor(master.compressor, config, config.master_lookahead_ms),
        LINK: LINKS[config.detector],
    }


def limiter_sliders(master: SessionMaster) -> Sliders:
    """Sliders of the limiter."""
    return {1: 0.0, 2: master.ceiling_dbtp, 3: master.trim_db}


def _file(name: str) -> Traversable:
    return resources.files("diffmst_jax.export") / "jsfx" / name


def _groups(match: re.Match[str]) -> tuple[str, str]:
    number, default = match.groups()
    return number, default


def _equalizer(equalizer: dsp.EqualizerParams | None) -> dict[int, float]:
    if equalizer is None:
        return {}
    values = np.stack(equalizer, axis=1).ravel()  # gain, frequency, Q of one band after another
    return {EQUALIZER + offset: float(value) for offset, value in enumerate(values)}


def _compressor(
    compressor: dsp.CompressorParams | None, config: dsp.ConsoleConfig, lookahead_ms: float
) -> dict[int, float]:
    if compressor is None:
        return {}
    return {
        **{COMPRESSOR + offset: float(value) for offset, value in enumerate(compressor)},
        IS_DECOUPLED: float(config.ballistics == "decoupled"),
        LOOKAHEAD: lookahead_ms,
    }
