"""What a container says and decoders do not: how long its audio ought to be, where it begins.

Decoders read a WAV, AIFF or OGG file whose end is gone without a word, as a shorter one, and an
MP3 with warnings of their own. The container says how long it ought to be; this module compares.
FLAC needs none of it: its decoder notices. Where a recording begins on its session's timeline is in
the `bext` chunk of a broadcast WAV (EBU Tech 3285).
"""

import struct
from pathlib import Path
from typing import BinaryIO

CHUNK_HEADER_BYTES = 8
WAVE_HEADS = (b"RIFF", b"RF64", b"BW64")
OGG_PAGE_HEADER_BYTES = 27
OGG_PAGE_MAXIMUM_BYTES = OGG_PAGE_HEADER_BYTES + 255 + 255 * 255
ID3_HEADER_BYTES = 10
XING_SEARCH_BYTES = 256
TIME_REFERENCE = slice(338, 346)
"""Of a `bext` chunk: samples since midnight, or since the session's start."""
XING_FLAG_FRAMES, XING_FLAG_BYTES = 1, 2
UNKNOWN_LENGTHS = (
    range(1),
    range(0x7EFFF000, 0x7F001000),
    range(0x7FFFE000, 0x80001000),
    range(0xFFFFF000, 0x100000000),
)
"""Lengths that a writer leaves in a header when it streams and cannot go back: nothing, or the
largest that it knows, rounded to whole frames (SoX: 0x7F000000 in AIFF, 0x7FFFF000 in WAV)."""


def missing_bytes(path: Path) -> int:
    """Count the bytes that the container promises beyond the end of the file.

    Args:
        path: a readable, non-empty file of any kind.

    Returns:
        0 for a complete file, for a format that this module does not know, and for one
        whose header leaves the length open.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in WAVE_HEADS and head[8:] == b"WAVE":
            return _missing_from_chunk(file, size, b"data", "<4sI")
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return _missing_from_chunk(file, size, b"SSND", ">4sI")
        if head[:4] == b"OggS":
            return _missing_from_last_page(file, size)
        return _missing_from_xing(file, size, head)


def time_stamp(path: Path) -> int | None:
    """Read at which sample of its session's timeline a broadcast WAV begins; None without one."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in WAVE_HEADS or head[8:] != b"WAVE":
            return None
        while len(header := file.read(CHUNK_HEADER_BYTES)) == CHUNK_HEADER_BYTES:
            name, length = struct.unpack("<4sI", header)
            if name == b"bext":
                stamp = file.read(TIME_REFERENCE.stop)[TIME_REFERENCE]
                return int.from_bytes(stamp, "little")
            file.seek(length + length % 2, 1)
    return None


def _missing_from_chunk(file: BinaryIO, size: int, wanted: bytes, layout: str) -> int:
    """Walk the chunks of a RIFF or AIFF file from the current place to the audio data.

    A length over 4 GiB (RF64) is in a chunk `ds64` before, behind that of the file.
    """
    long = 0
    while True:
        header = file.read(CHUNK_HEADER_BYTES)
        if len(header) < CHUNK_HEADER_BYTES:
            return 0
        name, length = struct.unpack(layout, header)
        if name == wanted:
            if any(length in lengths for lengths in UNKNOWN_LENGTHS):
                length = long
            return max(0, file.tell() + length - size)
        following = file.tell() + length + length % 2
        if name == b"ds64":
            long = int.from_bytes(file.read(16)[8:], "little", signed=True)
        file.seek(following)


def _missing_from_last_page(file: BinaryIO, size: int) -> int:
    """Compare the last Ogg page's own length with where the file ends."""
    file.seek(max(0, size - OGG_PAGE_MAXIMUM_BYTES))
    tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start < 0 or len(page) < OGG_PAGE_HEADER_BYTES:
        return OGG_PAGE_HEADER_BYTES - len(page) if start >= 0 else 0
    segments = page[OGG_PAGE_HEADER_BYTES - 1]
    lacing = page[OGG_PAGE_HEADER_BYTES : OGG_PAGE_HEADER_BYTES + segments]
    expected = OGG_PAGE_HEADER_BYTES + segments + sum(lacing)
    return max(0, expected - len(page))


def _missing_from_xing(file: BinaryIO, size: int, head: bytes) -> int:
    """Read the byte count that MP3 encoders leave in the first frame, after an ID3 tag if any."""
    start = 0
    if head[:3] == b"ID3" and len(head) >= ID3_HEADER_BYTES:
        tag = 0
        for byte in head[6:ID3_HEADER_BYTES]:
            tag = tag << 7 | byte & 0x7F
        start = ID3_HEADER_BYTES + tag
    file.seek(start)
    frame = file.read(XING_SEARCH_BYTES)
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or place < 0 or len(frame) < place + 16:
        return 0
    flags, first, second = struct.unpack(">III", frame[place + 4 : place + 16])
    if not flags & XING_FLAG_BYTES:
        return 0
    expected = second if flags & XING_FLAG_FRAMES else first
    return max(0, start + expected - size)
