"""Built-in devices of the DAWproject format, in the units of its reference.

Hz, dB and seconds; a compressor's ratio is the percentage of level taken away above the
threshold, `100 (1 - 1 / ratio)`: 0 % is 1:1, 50 % is 2:1, 100 % is infinity to one. Children stand
in the order that the schema wants.
"""

from xml.etree import ElementTree as ET

import dsp
from dsp.equalizer import CONSOLE_BANDS

BAND_TYPES = {"low_shelf": "lowShelf", "peaking": "bell", "high_shelf": "highShelf"}


def add_equalizer(
    devices: ET.Element, equalizer: dsp.EqualizerParams | None, output_gain_db: float
) -> None:
    """Add an equalizer, or without settings a gain alone."""
    element = _device(devices, "Equalizer")
    if equalizer is not None:
        rows = zip(CONSOLE_BANDS, *equalizer, strict=True)
        for order, (kind, gain_db, frequency_hz, q_factor) in enumerate(rows):
            band = ET.SubElement(element, "Band", type=BAND_TYPES[kind], order=str(order))
            add_real(band, "Freq", frequency_hz, "hertz", low=20, high=22050)
            add_real(band, "Gain", gain_db, "decibel", low=-24, high=24)
            add_real(band, "Q", q_factor, "linear", low=0.1, high=40)
            ET.SubElement(band, "Enabled", value="true" if gain_db else "false")
    if output_gain_db:
        add_real(element, "OutputGain", output_gain_db, "decibel")


def add_compressor(
    devices: ET.Element, compressor: dsp.CompressorParams, output_gain_db: float
) -> None:
    """Add a compressor with gain behind it besides its makeup gain."""
    element = _device(devices, "Compressor")
    add_real(element, "Attack", compressor.attack_ms / 1000, "seconds")
    ET.SubElement(element, "AutoMakeup", value="false")
    add_real(element, "OutputGain", compressor.makeup_gain_db + output_gain_db, "decibel")
    add_real(element, "Ratio", 100 * (1 - 1 / compressor.ratio), "percent", low=0, high=100)
    add_real(element, "Release", compressor.release_ms / 1000, "seconds")
    add_real(element, "Threshold", compressor.threshold_db, "decibel")


def add_limiter(devices: ET.Element, ceiling_dbtp: float) -> None:
    """Add a limiter that starts at its ceiling."""
    add_real(_device(devices, "Limiter"), "Threshold", ceiling_dbtp, "decibel")


def add_real(
    parent: ET.Element,
    tag: str,
    value: float,
    unit: str,
    *,
    low: float | None = None,
    high: float | None = None,
) -> None:
    """Add a number with its unit and range."""
    attributes = {"unit": unit, "value": f"{value:.9f}", "name": tag}
    for name, end in (("min", low), ("max", high)):
        if end is not None:
            attributes[name] = f"{end:g}"
    ET.SubElement(parent, tag, attributes)


def _device(devices: ET.Element, tag: str) -> ET.Element:
    device = ET.SubElement(devices, tag, deviceName=tag, deviceRole="audioFX", loaded="true")
    ET.SubElement(device, "Enabled", value="true")
    return device
