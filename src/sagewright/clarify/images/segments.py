"""Segments of pictures, backgrounds in their place, and pictures of coalitions of segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.images.files import Pixels, resized
from sagewright.clarify.shap.coalitions import Masks

BLURRED = "blurred"
"""As the baseline: the picture itself, blurred. AWS has no such baseline."""
MAX_SEGMENTS = 1_000
_SEGMENTED_PIXELS = 1_000_000
"""Larger pictures are reduced to this before their segments are computed: SLIC takes 1 s for this number of pixels."""
_BYTES = 128 << 20
"""Bytes of the pictures of coalitions that are in memory at a time."""


@dataclass(frozen=True)
class Region:
    """Pixels left ≤ x < right, top ≤ y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


def whole(picture: Pixels) -> Region:
    return Region(0, 0, picture.shape[1], picture.shape[0])


def segment(picture: Pixels, region: Region, count: int, compactness: float) -> NDArray[np.int64]:
    """Numbers of the segments of the region's pixels, from 0, shape of the region. Raises CustomerError.

    Source: R. Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", 2012; by scikit-image.
    """
    # takes 1 s to import, and most Clarify jobs have no pictures
    from skimage.segmentation import slic

    if not 1 <= count <= MAX_SEGMENTS:
        raise CustomerError(f"image_config.num_segments must be from 1 to {MAX_SEGMENTS}, but it is {count}")
    if not 0 < compactness <= 1e6:
        raise CustomerError(
            f"image_config.segment_compactness must be above 0 and at most 1e6, but it is {compactness}"
        )
    part = picture[region.window]
    height, width = part.shape[:2]
    scale = min(1.0, (_SEGMENTED_PIXELS / (height * width)) ** 0.5)
    small = resized(np.ascontiguousarray(part), max(1, round(width * scale)), max(1, round(height * scale)))
    labels = slic(small, n_segments=count, compactness=compactness, start_label=0, channel_axis=-1)
    _, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape)
    rows = np.minimum((np.arange(height) * small.shape[0]) // height, small.shape[0] - 1)
    columns = np.minimum((np.arange(width) * small.shape[1]) // width, small.shape[1] - 1)
    return np.asarray(numbers[rows[:, None], columns[None, :]], np.int64)


def background(picture: Pixels, baseline: Pixels | str | None, seed: int) -> Pixels:
    """Pixels in place of absent segments: white noise; a mask of any size; or the picture itself, BLURRED."""
    height, width = picture.shape[:2]
    if baseline is None:
        return np.random.default_rng(seed).integers(0, 256, picture.shape, dtype=np.uint8)
    if isinstance(baseline, str):
        from PIL import Image, ImageFilter

        radius = max(height, width) / 16
        return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
    return resized(baseline, width, height)


class SegmentedPicture:
    """A picture whose segments within `region` can be replaced by those of `absent`."""

    def __init__(self, picture: Pixels, absent: Pixels, region: Region, numbers: NDArray[np.int64]) -> None:
        self._picture, self._absent, self._region, self.numbers = picture, absent, region, numbers

    @property
    def players(self) -> int:
        return int(self.numbers.max()) + 1

    def pictures(self, masks: Masks) -> Iterator[tuple[slice, list[Pixels]]]:
        """For parts of the coalitions (m, players): their pictures."""
        step = max(1, _BYTES // self._picture.nbytes)
        for start in range(0, len(masks), step):
            part = slice(start, min(start + step, len(masks)))
            yield part, [self._mixed(mask) for mask in masks[part]]

    def _mixed(self, mask: NDArray[np.bool_]) -> Pixels:
        result = self._picture.copy()
        window = self._region.window
        np.copyto(result[window], self._absent[window], where=~mask[self.numbers][:, :, None])
        return result
