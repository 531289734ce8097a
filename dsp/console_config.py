"""What a mixing console is built of."""

from dataclasses import dataclass

from dsp.ballistics import BALLISTICS
from dsp.checks import check_choice, check_number
from dsp.linear_filter import METHODS
from dsp.side_chain import DETECTORS
from dsp.stereo import PAN_LAWS


@dataclass(frozen=True)
class ConsoleConfig:
    """What the console is built of: static, hashable, so a jitted function can close over it.

    The default is the better console; `ConsoleConfig.diffmst()` reproduces the reference's.

    Attributes:
        track_equalizer: whether the tracks have one.
        track_compressor: whether the tracks have one.
        reverb: whether the effects bus returns anything.
        master_bus: whether the sum passes the master bus; without it, the mix is the sum.
        pan_law: see `dsp.pan`.
        ballistics: of every compressor, see `dsp.ballistics`.
        detector: channel linking of the master compressor, see `dsp.compressor`; that of a stereo
            track's is `"mean"`.
        track_lookahead_ms: lookahead of the tracks' compressors; delays the mix by as much.
        master_lookahead_ms: lookahead of the master compressor; delays the mix by as much.
        equalizer_method: see `dsp.parametric_eq`.
    """

    track_equalizer: bool = True
    track_compressor: bool = True
    reverb: bool = False
    master_bus: bool = True
    pan_law: str = "constant_power"
    ballistics: str = "branching"
    detector: str = "mean"
    track_lookahead_ms: float = 0.0
    master_lookahead_ms: float = 0.0
    equalizer_method: str = "auto"

    def __post_init__(self) -> None:
        check_choice(self.pan_law, PAN_LAWS, "pan_law")
        check_choice(self.ballistics, BALLISTICS, "ballistics")
        check_choice(self.detector, DETECTORS, "detector")
        check_choice(self.equalizer_method, METHODS, "equalizer_method")
        check_number(self.track_lookahead_ms, "track_lookahead_ms", low=0)
        check_number(self.master_lookahead_ms, "master_lookahead_ms", low=0)

    @property
    def is_streamable(self) -> bool:
        """Whether its filters are exact, and so have a state to stop and go on with."""
        return self.equalizer_method != "fft" and self.ballistics != "sampled_one_pole"

    @classmethod
    def diffmst(cls) -> "ConsoleConfig":
        """The console of the Diff-MST reference implementation, its approximations included.

        Filters by frequency sampling, attack-only compression with a summed side chain, the
        -4.5 dB pan law, no reverb return, and lookaheads of 2048 and 1024 samples at 44100 Hz.
        """
        return cls(
            pan_law="compromise",
            ballistics="sampled_one_pole",
            detector="sum",
            track_lookahead_ms=2048 / 44.1,
            master_lookahead_ms=1024 / 44.1,
            equalizer_method="fft",
        )
