"""Sound from a WAV file, as Whisper hears it: 16,000 numbers a second, one channel."""

from __future__ import annotations

import io
import math
import wave
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from sagewright_jumpstart.errors import InputError

RATE = 16_000
_MOST_S = 600
_RATES = (4_000, 192_000)
_MOST_CHANNELS = 8
_KINDS = {1: np.uint8, 2: np.dtype("<i2"), 4: np.dtype("<i4")}


def read_wav(body: bytes) -> Any:
    """Raises InputError for anything but PCM of 8, 16 or 32 bits within the limits."""
    try:
        with wave.open(io.BytesIO(body)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        raise InputError(f"the request is not a WAV file with PCM: {error}") from error
    if width not in _KINDS or not 1 <= channels <= _MOST_CHANNELS or not _RATES[0] <= rate <= _RATES[1]:
        raise InputError(
            f"the WAV file: 8, 16 or 32 bits, 1 to {_MOST_CHANNELS} channels, {_RATES[0]} to {_RATES[1]} Hz, not {width * 8} bits, "
            f"{channels} channels, {rate} Hz"
        )
    count = len(frames) // (width * channels)
    if not 0 < count <= _MOST_S * rate:
        raise InputError(f"the WAV file: at most {_MOST_S} seconds and not empty, not {count / rate:.1f}")
    found = np.frombuffer(frames[: count * width * channels], _KINDS[width]).reshape(count, channels).astype(np.float32)
    mono = (found.mean(1) - (128 if width == 1 else 0)) / float(1 << (8 * width - 1))
    shared = math.gcd(rate, RATE)
    return mono if rate == RATE else resample_poly(mono, RATE // shared, rate // shared).astype(np.float32)
