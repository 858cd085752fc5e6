"""Default boxes (anchors): several of different sizes and aspect ratios at each place of each of the network's maps.

Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 and 3 (sizes of 300 and of 512 pixels).
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch

LARGE = 448
"""Images with sides of at least this many pixels have seven maps, smaller ones six."""
_SMALL_SIZES = (0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05)
_LARGE_SIZES = (0.07, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05)
_FEW, _MANY = (2.0, 1 / 2), (2.0, 1 / 2, 3.0, 1 / 3)


def maps(side: int) -> int:
    """Returns the number of maps for images of that side."""
    return 7 if side >= LARGE else 6


def sides(side: int) -> list[int]:
    """Returns the side of each map: an eighth of the image's, then half of the previous one; the last two of six lose two places
    instead.
    """
    found = [-(-side // 8)]
    for number in range(1, maps(side)):
        shrinks = maps(side) == 6 and number > 3
        found.append(found[-1] - 2 if shrinks else -(-found[-1] // 2))
    return found


def aspects(count: int) -> list[tuple[float, ...]]:
    """Returns the aspect ratios of each of `count` maps besides 1, which has two boxes."""
    return [_FEW if number in (0, count - 2, count - 1) else _MANY for number in range(count)]


@lru_cache(maxsize=4)
def anchors(side: int) -> torch.Tensor:
    """Returns (n, 4) boxes for images of that side, map after map, row after row; they can reach beyond the image."""
    count = maps(side)
    sizes = _SMALL_SIZES if count == 6 else _LARGE_SIZES
    return torch.cat([
        _of_map(length, _shapes(sizes[number], sizes[number + 1], ratios))
        for number, (length, ratios) in enumerate(zip(sides(side), aspects(count), strict=True))
    ])  # fmt: skip


def _shapes(size: float, following: float, ratios: tuple[float, ...]) -> torch.Tensor:
    """Returns (k, 2) widths and heights of the boxes at a place."""
    between = math.sqrt(size * following)
    others = [(size * math.sqrt(ratio), size / math.sqrt(ratio)) for ratio in ratios]
    return torch.tensor([(size, size), (between, between), *others])


def _of_map(length: int, shapes: torch.Tensor) -> torch.Tensor:
    line = (torch.arange(length) + 0.5) / length
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    centres = torch.stack([columns, rows], -1).reshape(-1, 1, 2)
    return torch.cat([centres - shapes / 2, centres + shapes / 2], -1).reshape(-1, 4)
