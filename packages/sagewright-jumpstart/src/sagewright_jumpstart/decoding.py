"""Pictures from bytes that a stranger may have made: known formats, few enough pixels, the right way up."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

from PIL import Image, ImageOps

from sagewright_jumpstart.errors import InputError

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_MOST_PIXELS = 50_000_000


def open_picture(body: bytes, what: str, near: int) -> Any:
    """Returns an RGB picture; a JPEG is decoded no larger than needed for a side of `near`. Raises InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # limited below
            picture = Image.open(io.BytesIO(body), formats=_FORMATS)
        width, height = picture.size
        if width * height > _MOST_PIXELS:
            raise InputError(f"{what}: at most {_MOST_PIXELS} pixels, not {width} x {height}")
        picture.draft("RGB", (near, near))
        return ImageOps.exif_transpose(picture).convert("RGB")
    except InputError:
        raise
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        struct.error,
        OverflowError,
        Image.DecompressionBombError,
        MemoryError,
    ) as error:
        formats = ", ".join(_FORMATS)
        raise InputError(f"{what} is not a picture ({formats}): {str(error)[:100]}") from error
