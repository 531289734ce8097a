"""24-bit samples of audio files, unpacked many at a time.

libsndfile takes their three bytes apart sample by sample, which is most of the time that a WAV file
takes to read. It also gives them as they lie in the file: where they begin, how many there are and
where it reads next stay its own business.
"""

from typing import Any

import numpy as np
import soundfile

SAMPLE_BYTES = 3

SCALE = np.float32(2.0**-31)
"""A sample is the upper 24 bits of an integer of 32, whose full scale is 2^31."""

LITTLE_ENDIAN = ("WAV", "WAVEX", "RF64", "W64")

# What soundfile itself calls; where a version has no such names, it reads the files.
_LIBRARY: Any = getattr(soundfile, "_snd", None)
_FFI: Any = getattr(soundfile, "_ffi", None)


def is_packed(file: soundfile.SoundFile) -> bool:
    """Whether `read_packed` can read a file."""
    is_known = file.format in LITTLE_ENDIAN and file.endian == "FILE"
    return is_known and file.subtype == "PCM_24" and hasattr(_LIBRARY, "sf_read_raw")


def read_packed(file: soundfile.SoundFile, samples: np.ndarray) -> int:
    """Fill float32 `(frames, channels)`, C-contiguous, with what `file.read` would give.

    Returns:
        How many frames there were.
    """
    assert samples.flags.c_contiguous, "a copy would be filled instead"
    flat = samples.reshape(-1)
    memory = np.empty(1 + SAMPLE_BYTES * flat.size, np.uint8)
    packed = _FFI.from_buffer(memory) + 1
    came = _LIBRARY.sf_read_raw(file._file, packed, SAMPLE_BYTES * flat.size) // SAMPLE_BYTES
    # Integers that begin a byte before a sample: their lowest byte belongs to another.
    integers = np.ndarray((came,), "<i4", memory, strides=(SAMPLE_BYTES,))
    np.multiply(integers & -256, SCALE, out=flat[:came], casting="unsafe", dtype=np.float32)
    return came // file.channels
