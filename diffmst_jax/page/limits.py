"""What the page accepts; imports nothing, so the command line shows it at once."""

from typing import NamedTuple

DEFAULT_PORT = 8420
DEFAULT_UPLOAD_MB = 500
UPLOAD_MB_RANGE = (1, 100_000)
MOST_TRACKS = 96
MOST_SONGS = 500
JSON_BYTES = 8_000_000
NAME_BYTES = 120


class UploadLimits(NamedTuple):
    """How much may be sent to the server.

    Attributes:
        file_bytes: size of one audio file.
        tracks: audio files of one song.
        songs: songs in the folder.
        json_bytes: size of any other message.
    """

    file_bytes: int = DEFAULT_UPLOAD_MB * 1_000_000
    tracks: int = MOST_TRACKS
    songs: int = MOST_SONGS
    json_bytes: int = JSON_BYTES
