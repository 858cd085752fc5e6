"""Pictures read within limits, and the names of results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError

Pixels: TypeAlias = NDArray[np.uint8]
"""An RGB picture: shape (height, width, 3)."""

MAX_BYTES = 20 << 20
MAX_PIXELS = 25_000_000
MIN_SIDE = 8
FORMATS = ("JPEG", "PNG")
_SUFFIXES = {".jpg", ".jpeg", ".png"}


def find_pictures(folder: Path) -> list[Path]:
    """JPEG and PNG files below the folder, by their names' ends, sorted. Raises CustomerError if there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise CustomerError("The dataset has no pictures: files ending in .jpg, .jpeg or .png are read")
    return found


def check_picture(path: Path) -> None:
    """Reads the picture's header. Raises CustomerError if the picture can't be read within the limits."""
    with _opened(path):
        pass


def read_picture(path: Path) -> Pixels:
    """The picture upright and in RGB. Raises CustomerError."""
    from PIL import ImageOps

    with _opened(path) as image:
        try:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except (OSError, SyntaxError, ValueError, MemoryError) as error:
            raise CustomerError(f"The picture '{path.name}' is damaged: {str(error)[:200]}") from None


def _opened(path: Path) -> Any:
    """The picture with its header parsed and nothing decoded."""
    # most Clarify jobs have no pictures
    from PIL import Image, UnidentifiedImageError

    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise CustomerError(f"The picture '{path.name}' has more than {MAX_BYTES} bytes")
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        raise CustomerError(f"'{path.name}' is not a JPEG or PNG picture") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise CustomerError(
            f"The picture '{path.name}' has {width} x {height} pixels, at most {MAX_PIXELS} can be explained"
        )
    if min(width, height) < MIN_SIDE:
        raise CustomerError(
            f"The picture '{path.name}' has {width} x {height} pixels, at least {MIN_SIDE} a side are needed"
        )
    return image


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    from PIL import Image

    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def stems(paths: Sequence[Path], folder: Path) -> list[str]:
    """Names of results for pictures, each once: the file's stem, with folders and suffix where the stem is not unique."""
    plain = [name_part(path.stem) for path in paths]
    longer = ["_".join(map(name_part, _below(path, folder).with_suffix("").parts)) for path in paths]
    names = [short if plain.count(short) == 1 else long for short, long in zip(plain, longer, strict=True)]
    counts: dict[str, int] = {}
    result = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        result.append(name if counts[name] == 1 else f"{name}-{counts[name]}")
    return result


def _below(path: Path, folder: Path) -> Path:
    """The path within the folder; of pictures from elsewhere, such as a manifest's, their folder's name and their own."""
    return path.relative_to(folder) if path.is_relative_to(folder) else Path(*path.parts[-2:])


def name_part(text: str) -> str:
    """The text as part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", text)[:100] or "_"
