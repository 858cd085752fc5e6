"""Decoded images of a channel, ready for training. Each is decoded and resized once, into a file that is mapped into memory."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch

from sagewright.algorithms.deep.images import decoding
from sagewright.algorithms.deep.images.decoding import BadImage, Faults
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import records, rules
from sagewright.algorithms.image_classification.framing import Framing
from sagewright.algorithms.image_classification.records import Labelled
from sagewright.algorithms.job import Job


@dataclass(frozen=True)
class ImageFormat:
    """The required form of images and labels. `shape`: channels, height, width."""

    shape: tuple[int, int, int]
    classes: int
    multi_label: bool
    resize: int | None
    ids: bool = False

    @classmethod
    def of(cls, job: Job, channel: str, values: Mapping[str, Any]) -> ImageFormat:
        """The form that the hyperparameters and the channel's content type require. Raises UserError if `resize` is missing."""
        content_type, resize = job.channels[channel].content_type, values.get("resize")
        if resize is None and content_type.media != "application/x-recordio":
            raise UserError(f"resize is required, for channel {channel} is {content_type.media}")
        label_format = content_type.parameters.get("label-format", "multi-hot")
        if label_format not in ("multi-hot", "class-id"):
            raise UserError(f"Channel {channel}: label-format must be multi-hot or class-id, not {label_format!r}")
        return cls(
            rules.shape(values), values["num_classes"], values["multi_label"] == "1", resize, label_format == "class-id"
        )

    @property
    def mode(self) -> str:
        return "L" if self.shape[0] == 1 else "RGB"

    def decode(self, example: Labelled) -> np.ndarray:
        """(h, w, channels) uint8, at least as large as the shape. Raises BadImage."""
        if example.wrong:
            raise BadImage(example.wrong)
        try:
            content = example.read()
        except OSError as error:
            raise BadImage(f"it can't be read: {error.strerror}") from error
        _, height, width = self.shape
        image = decoding.converted(decoding.opened(content), self.mode, self.resize)
        if self.resize is not None:
            image = decoding.shorter_side(image, self.resize)
        if image.height < height or image.width < width:
            raise BadImage(f"it has {image.width} x {image.height} pixels, and image_shape needs {width} x {height}")
        return decoding.pixels(image)

    def label(self, given: Any) -> int | list[int]:
        """The class, or the classes if there are several labels. Raises BadImage."""
        if not self.multi_label:
            if len(given) != 1:
                raise BadImage(f"it has {len(given)} labels, and multi_label is 0")
            return self._class(given[0])
        if self.ids:
            return sorted({self._class(each) for each in given})
        if len(given) != self.classes or any(each not in (0, 1) for each in given):
            raise BadImage(f"its labels must be {self.classes} zeros and ones")
        return [number for number, each in enumerate(given) if each == 1]

    def _class(self, given: float) -> int:
        if not 0 <= given < self.classes or given != int(given):
            raise BadImage(f"its label is {given:g}: it must be a whole number from 0 to {self.classes - 1}")
        return int(given)


class Images:
    """All images of a channel; `store`, which has their concatenated pixels, can be closed.

    `labels` is (n,) int64, or (n, classes) float32 of zeros and ones.
    """

    def __init__(self, form: ImageFormat, store: IO[bytes], sizes: np.ndarray, labels: np.ndarray) -> None:
        self.form, self.labels, self._sizes = form, labels, sizes
        self._bytes = np.memmap(store, np.uint8, "r")
        lengths = sizes.prod(axis=1) * form.shape[0]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        channels, height, width = form.shape
        self._exact = bool((sizes == (height, width)).all())
        if self._exact:
            self._bytes = self._bytes.reshape(len(sizes), height, width, channels)

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def framing(self) -> Framing:
        return Framing.of(self._sizes)

    def take(self, rows: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
        """(n, h, w, channels) uint8 of the shape: cropped from the centre or, with `random`, anywhere."""
        if self._exact:
            return np.asarray(self._bytes[rows])
        channels, height, width = self.form.shape
        out = np.empty((len(rows), height, width, channels), np.uint8)
        room = self._sizes[rows] - (height, width)
        places = room // 2 if random is None else random.integers(0, room + 1)
        for number, (row, (top, left)) in enumerate(zip(rows, places, strict=True)):
            whole = self._bytes[self._starts[row] : self._starts[row + 1]].reshape(*self._sizes[row], channels)
            out[number] = whole[top : top + height, left : left + width]
        return out

    def batch(self, device: Device, rows: np.ndarray, random: np.random.Generator | None = None) -> torch.Tensor:
        """(n, channels, h, w) uint8 on the device, channels last in memory."""
        return device.put(torch.from_numpy(self.take(rows, random)).permute(0, 3, 1, 2))

    def batches(self, device: Device) -> Iterator[torch.Tensor]:
        """All images, up to 256 at a time, cropped from the centre."""
        for rows in np.array_split(np.arange(len(self)), math.ceil(len(self) / 256)):
            yield self.batch(device, rows)


def read(job: Job, channel: str, values: Mapping[str, Any]) -> Images:
    """Decodes a channel. Raises UserError if images can't be used, naming the first five, and if there are none."""
    form = ImageFormat.of(job, channel, values)
    try:
        with tempfile.TemporaryFile() as store:
            sizes, found = _decode(job, channel, form, store)
            store.flush()
            return Images(form, store, np.array(sizes), _labels(form, found))
    except OSError as error:
        raise UserError(f"The images of channel {channel} can't be kept on disk: {error.strerror}") from error


def _decode(
    job: Job, channel: str, form: ImageFormat, store: IO[bytes]
) -> tuple[list[tuple[int, int]], list[int | list[int]]]:
    """Writes the concatenated pixels; returns sizes and labels."""
    faults = Faults(channel)
    sizes: list[tuple[int, int]] = []
    labels: list[int | list[int]] = []

    def decode(example: Labelled) -> tuple[np.ndarray, int | list[int]] | tuple[None, str]:
        try:
            return form.decode(example), form.label(example.labels)
        except BadImage as error:
            return None, f"{example.name}: {error}"

    for pixels, said in decoding.side_by_side(decode, records.examples(job, channel)):
        if pixels is None:
            faults.add(str(said))
        else:
            sizes.append(pixels.shape[:2])
            labels.append(said)  # type: ignore[arg-type]
            store.write(np.ascontiguousarray(pixels).data)
    faults.check()
    if not sizes:
        raise UserError(f"No data in channel {channel}: every host needs at least one image of it.")
    return sizes, labels


def _labels(form: ImageFormat, found: list[Any]) -> np.ndarray:
    if not form.multi_label:
        return np.array(found, np.int64)
    labels = np.zeros((len(found), form.classes), np.float32)
    for row, classes in enumerate(found):
        labels[row, classes] = 1
    return labels
