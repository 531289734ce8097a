"""Tensors out of TensorFlow checkpoints of both formats, without TensorFlow.

Both keep a sorted table of keys and values (the format of LevelDB's tables: blocks of entries whose
keys share prefixes, an index block of block positions, a footer of 48 bytes). Format 1 is one file
whose values are slices with their numbers; in format 2 the table `<name>.index` says where in
`<name>.data-...` the bytes of each tensor lie. Values are protocol buffers, of which the few fields
that matter are read. Tables that are compressed (TensorFlow writes none) are refused.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from diffmst_jax.errors import InputError

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
FLOAT, INT32, INT64 = 1, 3, 9  # of TensorFlow's numbered types
DTYPES: dict[int, np.dtype[Any]] = {
    FLOAT: np.dtype("<f4"),
    2: np.dtype("<f8"),
    INT32: np.dtype("<i4"),
    INT64: np.dtype("<i8"),
}
INDEX, DATA = ".index", ".data-00000-of-00001"
REMEDY = "give a checkpoint as TensorFlow wrote it"

Fields = dict[int, list[bytes | int]]


def is_checkpoint(path: Path) -> bool:
    """Whether a path names a checkpoint: a table, one of the files of format 2, or their prefix."""
    return _index_of(path) is not None or _has_magic(path)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Read every tensor of a checkpoint by its name.

    Raises:
      InputError: damaged, compressed, or in several shards.
    """
    index = _index_of(path)
    try:
        if index is None:
            return dict(_format_1(path))
        return dict(_format_2(index))
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise InputError(path, f"is no whole checkpoint ({error})", REMEDY) from error


def _index_of(path: Path) -> Path | None:
    """The index file of a format 2 checkpoint, given it, its data or their prefix."""
    name = path.name
    prefix = name.split(".data-")[0] if ".data-" in name else name.removesuffix(INDEX)
    index = path.with_name(prefix + INDEX)
    return index if index.is_file() else None


def _has_magic(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size < FOOTER:
        return False
    with path.open("rb") as file:
        file.seek(-8, 2)
        return struct.unpack("<Q", file.read(8))[0] == MAGIC


def _format_1(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Slices with their numbers; the entry with the empty key says the shapes."""
    entries = list(_table(path.read_bytes()))
    shapes = {}
    for entry in _fields(_first(_fields(entries[0][1]), 1))[1]:
        tensor = _fields(_bytes(entry))
        shapes[_first(tensor, 1).decode()] = _shape(_first(tensor, 2))
    for _, value in entries[1:]:
        slice_ = _fields(_first(_fields(value), 2))
        name = _first(slice_, 1).decode()
        values = _numbers(_fields(_first(slice_, 3)))
        if values.size != int(np.prod(shapes[name])):
            raise ValueError(f"{name} is stored in several slices")
        yield name, values.reshape(shapes[name])


def _format_2(index: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Positions of bytes in the data file."""
    data = index.with_name(index.name.removesuffix(INDEX) + DATA)
    if not data.is_file():
        raise InputError(data, "does not exist", "put all files of the checkpoint together")
    for key, value in list(_table(index.read_bytes()))[1:]:
        fields = _fields(value)
        dtype = DTYPES.get(_number(fields, 1))
        if dtype is None:
            continue  # text and the like
        shape: tuple[int, ...] = _shape(_first(fields, 2)) if 2 in fields else ()
        count = int(np.prod(shape, dtype=np.int64))
        with data.open("rb") as file:
            file.seek(_number(fields, 4))
            numbers = np.frombuffer(file.read(count * dtype.itemsize), dtype)
        yield key.decode(), numbers.reshape(shape)


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table in order."""
    footer = content[-FOOTER:]
    if struct.unpack("<Q", footer[-8:])[0] != MAGIC:
        raise ValueError("its last bytes are not a table's")
    place = 0
    for _ in range(2):  # the metaindex block's position, of no interest
        _, place = _varint(footer, place)
    for _, position in _block(content, *_handle(footer, place)):
        yield from _block(content, *_handle(position, 0))


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Entries of one block: key bytes shared with the last key, own ones, value."""
    if content[offset + size] != 0:
        raise ValueError("it is compressed")
    block = content[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    place, end, key = 0, size - 4 - 4 * restarts, b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + own]
        place += own
        yield key, block[place : place + length]
        place += length


def _handle(data: bytes, place: int) -> tuple[int, int]:
    offset, place = _varint(data, place)
    size, _ = _varint(data, place)
    return offset, size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _fields(message: bytes) -> Fields:
    """Fields of a protocol buffer by number: numbers, or bytes for everything else."""
    fields: Fields = {}
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        value: bytes | int
        if kind == 0:
            value, place = _varint(message, place)
        else:
            length, place = _varint(message, place) if kind == 2 else ({1: 8, 5: 4}[kind], place)
            value, place = message[place : place + length], place + length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _first(fields: Fields, number: int) -> bytes:
    return _bytes(fields[number][0])


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes were expected")
    return value


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[0]
    if not isinstance(value, int):
        raise ValueError("bytes where a number was expected")
    return value


def _shape(message: bytes) -> tuple[int, ...]:
    return tuple(_number(_fields(_bytes(entry)), 1) for entry in _fields(message).get(2, []))


def _numbers(tensor: Fields) -> np.ndarray:
    """Numbers of a tensor message: 32-bit floats, or whole numbers."""
    if 5 in tensor:
        return np.frombuffer(b"".join(_bytes(part) for part in tensor[5]), "<f4")
    packed = b"".join(_bytes(part) for number in (7, 10) for part in tensor.get(number, []))
    place, values = 0, []
    while place < len(packed):
        value, place = _varint(packed, place)
        values.append(value)
    return np.array(values, np.int64)
