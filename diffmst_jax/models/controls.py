"""What a model gives: control vectors in [0, 1], in the order that the console reads them."""

from typing import NamedTuple

from jax import Array


class Controls(NamedTuple):
    """Control vectors of one mix, each value in [0, 1]; see `dsp.console_params`.

    A batch has one more leading axis throughout.

    Attributes:
        track: `(tracks, TRACK_CONTROLS)`.
        fx_bus: `(FX_BUS_CONTROLS,)`.
        master: `(MASTER_CONTROLS,)`.
    """

    track: Array
    fx_bus: Array
    master: Array
