"""Pictures of the results: the segments beside the heat map of their values, and all detected objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.images.boxes import Detected
from sagewright.clarify.images.files import Pixels, resized
from sagewright.clarify.images.segments import Region
from sagewright.clarify.tables import Array

_SIDE = 640  # pixels of the longer side of each half
_GAP, _HEAD, _FOOT = 16, 34, 44
_RISE, _FALL = (196, 60, 10), (29, 92, 192)
_EDGE = (255, 224, 64)
_QUALITY = 90


def draw_heat_map(
    picture: Pixels, region: Region, numbers: NDArray[np.int64], values: Array, title: str, box: Detected | None = None
) -> Any:
    """A Pillow picture: left the segments, right their values from blue (lowers the score) to orange (raises it)."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    shown = resized(picture, wide, high)
    rows, columns = np.arange(high) * height // high, np.arange(wide) * width // wide
    place = np.full(picture.shape[:2], -1, np.int64)
    place[region.window] = numbers
    segments = place[rows[:, None], columns[None, :]]
    sheet = Image.new("RGB", (2 * wide + 3 * _GAP, high + _HEAD + _FOOT), "white")
    sheet.paste(Image.fromarray(_edged(shown, segments)), (_GAP, _HEAD))
    largest = float(np.abs(values).max()) or 1.0
    sheet.paste(Image.fromarray(_heated(shown, segments, values / largest)), (2 * _GAP + wide, _HEAD))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    draw.text((_GAP, 8), title[:160], fill=(20, 28, 24), font=font)
    _scale_bar(draw, (2 * _GAP + wide, high + _HEAD + 10, min(wide, 320)), largest)
    if box is not None:
        for left in (_GAP, 2 * _GAP + wide):
            _outline(draw, box, (left, _HEAD, wide, high))
    return sheet


def _edged(shown: Pixels, segments: NDArray[np.int64]) -> Pixels:
    edges = np.zeros(segments.shape, bool)
    edges[:, 1:] |= segments[:, 1:] != segments[:, :-1]
    edges[1:] |= segments[1:] != segments[:-1]
    result = shown.copy()
    result[edges] = _EDGE
    return result


def _heated(shown: Pixels, segments: NDArray[np.int64], shares: Array) -> Pixels:
    """The picture in grey under the values' colours; `shares` are from -1 to 1."""
    grey = shown @ np.array([0.299, 0.587, 0.114])
    base = np.repeat((grey * 0.5 + 110)[:, :, None], 3, axis=2)
    share = np.where(segments >= 0, shares[np.maximum(segments, 0)], 0.0)
    colour = np.where(share[:, :, None] > 0, np.array(_RISE, float), np.array(_FALL, float))
    weight = np.abs(share)[:, :, None] * 0.8
    return np.clip(base * (1 - weight) + colour * weight, 0, 255).astype(np.uint8)


def _scale_bar(draw: Any, place: tuple[int, int, int], largest: float) -> None:
    from PIL import ImageFont

    left, top, length = place
    for x in range(length):
        share = 2 * x / max(length - 1, 1) - 1
        colour = _RISE if share > 0 else _FALL
        draw.line(
            [(left + x, top), (left + x, top + 10)], fill=tuple(round(235 + (c - 235) * abs(share)) for c in colour)
        )
    font = ImageFont.load_default(12)
    for x, text, anchor in (
        (left, f"{-largest:.3g}", "la"),
        (left + length // 2, "0", "ma"),
        (left + length, f"{largest:.3g}", "ra"),
    ):
        draw.text((x, top + 14), text, fill=(70, 81, 75), font=font, anchor=anchor)


def _outline(draw: Any, found: Detected, frame: tuple[int, int, int, int], text: str = "") -> None:
    from PIL import ImageFont

    left, top, wide, high = frame
    x0, y0, x1, y1 = (min(max(edge, 0.0), 1.0) for edge in found.box)
    corners = [left + x0 * (wide - 1), top + y0 * (high - 1), left + x1 * (wide - 1), top + y1 * (high - 1)]
    draw.rectangle(corners, outline=(10, 200, 120), width=3)
    if text:
        font = ImageFont.load_default(14)
        spot = (corners[0] + 4, corners[1] + 3)
        draw.rectangle(draw.textbbox(spot, text, font=font), fill=(255, 255, 255))
        draw.text(spot, text, fill=(6, 90, 54), font=font)


def draw_objects(picture: Pixels, objects: Sequence[tuple[Detected, str]]) -> Any:
    """The picture with the boxes of all explained objects and their names."""
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    sheet = Image.fromarray(resized(picture, wide, high))
    draw = ImageDraw.Draw(sheet)
    for found, name in objects:
        _outline(draw, found, (0, 0, wide, high), f"{name[:60]} {found.score:.2f}")
    return sheet


def save(sheet: Any, path: Path) -> Path:
    sheet.save(path, "JPEG", quality=_QUALITY)
    return path
