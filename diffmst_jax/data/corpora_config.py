"""Settings that say where songs and references come from."""

from dataclasses import dataclass

from diffmst_jax.data.layouts import AUTO, LAYOUTS
from diffmst_jax.errors import InputError
from diffmst_jax.setting_limits import Natural
from diffmst_jax.typed_config import nearest

Folders = str | tuple[str, ...] | None


@dataclass(frozen=True)
class SyntheticConfig:
    """The corpus made when no data is given.

    Attributes:
      folder: where such corpora are kept, each in a folder named after the settings below but the
        number of songs; made on first use.
      songs: how many songs.
      seed: of the first song.
      tracks: fewest and most tracks (files) of a song.
      duration_s: length of each song.
    """

    folder: str
    songs: int
    seed: Natural
    tracks: tuple[int, int]
    duration_s: float


@dataclass(frozen=True)
class CorporaConfig:
    """Where songs and references come from.

    Attributes:
      songs: corpora of raw tracks, one folder or several; None for the synthetic corpus.
      songs_layout: how they lie on disk, "auto" to tell it for each by itself.
      references: corpora of finished mixes; None for those of the synthetic corpus.
      references_layout: how these lie on disk.
      synthetic: the corpus for whichever of the two is None.
    """

    songs: Folders
    songs_layout: str
    references: Folders
    references_layout: str
    synthetic: SyntheticConfig


def check_corpora(data: CorporaConfig) -> None:
    """Refuse lists without a folder, and layouts that nobody knows.

    Raises:
      InputError: names the setting.
    """
    for name, folders, layout in (
        ("songs", data.songs, data.songs_layout),
        ("references", data.references, data.references_layout),
    ):
        if folders is not None and not folders:
            raise InputError(f"data.{name}", "names no folder", "give one, or null")
        if layout not in (AUTO, *LAYOUTS):
            known = (AUTO, *LAYOUTS)
            problem = f"is {layout!r}, no known layout"
            raise InputError(f"data.{name}_layout", problem, nearest(layout, known))
