"""What the Diff-MST paper reports (arXiv:2407.08889, tables 1 and 2), to stand beside our figures.

Its songs and references are others than any here, so its rows say where a system may lie, not how
it compares.
"""

from typing import NamedTuple

CITATION = "Diff-MST (Vanka et al., ISMIR 2024)"


class PaperRow(NamedTuple):
    """One row of a table; terms weighted, as we report them, None where the paper has none."""

    system: str
    rms: float
    crest_factor: float
    stereo_width: float
    stereo_imbalance: float
    bark_spectrum: float
    audio_features: float
    frechet: float | None = None


def _row(system: str, values: tuple[float, ...], scales: tuple[float, ...]) -> PaperRow:
    scaled = [value * scale for value, scale in zip(values, scales, strict=False)]
    return PaperRow(system, *scaled, *values[len(scaled) :])


_SCALES_1 = (1.0, 1e-2, 1e-2, 1e-2, 1.0)
_SCALES_2 = (1e-4, 1e-1, 1e-2, 1e-2, 1.0)

TABLE_1 = tuple(
    _row(system, values, _SCALES_1)
    for system, values in (
        ("Equal loudness", (2.31e-4, 2.11, 6.03, 1.41, 32.7, 6.55, 17.6)),
        ("MST", (4.07e-4, 1.72, 5.84, 0.89, 0.31, 7.85e-2, 17.9)),
        ("MRSTFT-8", (3.08e6, 3.91, 4.55, 3.38, 7.06, 6.15e5, 51.3)),
        ("MRSTFT-16", (2.23e3, 4.07, 5.00, 1.97, 1.81, 4.47e2, 65.9)),
        ("MRSTFT+AF-8", (2.00e5, 1.79, 4.58, 2.86, 6.89, 4.00e4, 48.3)),
        ("MRSTFT+AF-16", (2.46, 1.14, 4.29, 3.44, 0.92, 6.92e-1, 51.1)),
        ("AF-16", (4.24e-4, 0.67, 4.78, 0.22, 0.11, 3.26e-2, 15.1)),
    )
)

TABLE_2 = tuple(
    _row(system, values, _SCALES_2)
    for system, values in (
        ("Equal loudness", (3.11, 0.51, 3.16, 0.21, 33.3, 33.389)),
        ("MST", (3.15, 0.45, 4.64, 0.13, 0.09, 0.185)),
        ("MRSTFT-8", (3.63, 1.44, 1.97, 4.29, 0.17, 0.379)),
        ("MRSTFT-16", (3.40, 0.98, 1.91, 1.99, 0.19, 0.328)),
        ("MRSTFT+AF-8", (3.12, 0.86, 1.29, 0.76, 0.13, 0.237)),
        ("MRSTFT+AF-16", (3.15, 0.43, 0.89, 2.20, 0.11, 0.186)),
        ("AF-16", (2.39, 0.07, 1.60, 0.97, 0.13, 0.168)),
        ("Human 1", (3.02, 0.26, 2.05, 0.46, 0.17, 0.218)),
        ("Human 2", (3.21, 0.14, 3.63, 2.29, 0.11, 0.180)),
    )
)

TABLES = {"table1": TABLE_1, "table2": TABLE_2}
