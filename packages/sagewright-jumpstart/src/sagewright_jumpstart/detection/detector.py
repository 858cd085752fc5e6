"""CenterNet: objects as points. Source: Zhou et al. 2019, arXiv:1904.07850.

The network gives, for each class and each fourth pixel, how likely that is the centre of an object, and the distances from there to
the four sides of the object's box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torchvision.ops import batched_nms
from torchvision.transforms import functional as transforms

from sagewright_jumpstart.detection.graph import GraphNetwork
from sagewright_jumpstart.detection.labels import COCO
from sagewright_jumpstart.manifest import Manifest

SIDE = 512
"""Pixels on each side of the square pictures that the network reads."""
MOST = 100
"""Maximum number of objects per picture."""
_STRIDE = 4
_LEAST_SCORE = 0.1
_OVERLAP = 0.5
"""Boxes of a class that share more than this of their union are one object."""
_OUTPUTS = ("tower_0/keypoints", "tower_0/wh")


@dataclass(frozen=True)
class Detections:
    """Objects of a picture, the likeliest first. `boxes`: (left, top, right, bottom), as shares of the picture's sides."""

    boxes: list[list[float]]
    classes: list[int]
    scores: list[float]


class CenterNet(torch.nn.Module):
    """`graph` returns the centres (N, classes, H, W) after the sigmoid, and the distances (N, 4, H, W) in pixels."""

    def __init__(self, graph: torch.nn.Module, labels: Sequence[str]) -> None:
        super().__init__()
        self.graph, self.labels = graph, labels

    def detect(self, picture: Any) -> Detections:
        """Returns the objects of an RGB picture of PIL."""
        ready, frame = fitted(picture)
        centres, distances = self.graph(ready)
        boxes, classes, scores = decoded(centres[0], distances[0])
        kept = batched_nms(boxes, scores, classes, _OVERLAP)
        boxes, classes, scores = boxes[kept], classes[kept], scores[kept]
        left, top, width, height = frame
        shares = ((boxes - torch.tensor([left, top, left, top])) / torch.tensor([width, height, width, height])).clamp(
            0, 1
        )
        seen = (scores >= _LEAST_SCORE) & (shares[:, 2:] > shares[:, :2]).all(1)
        return Detections(shares[seen].tolist(), classes[seen].tolist(), scores[seen].tolist())


def fitted(picture: Any) -> tuple[torch.Tensor, tuple[int, int, int, int]]:
    """Returns the picture on a black square, (1, 3, SIDE, SIDE) of 0 to 255, and where it is there: left, top, width, height."""
    scale = SIDE / max(picture.size)
    width, height = (min(SIDE, max(1, round(side * scale))) for side in picture.size)
    left, top = (SIDE - width) // 2, (SIDE - height) // 2
    scaled = transforms.pil_to_tensor(transforms.resize(picture, [height, width]))[None].float()
    square = functional.pad(scaled, (left, SIDE - width - left, top, SIDE - height - top))
    return square.contiguous(memory_format=torch.channels_last), (left, top, width, height)


def decoded(centres: torch.Tensor, distances: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns boxes in pixels, classes and scores of the likeliest centres that are likelier than their eight neighbours."""
    peaks = centres * (functional.max_pool2d(centres[None], 3, 1, 1)[0] == centres)
    scores, places = peaks.flatten().topk(min(MOST, peaks.numel()))
    _, height, width = centres.shape
    classes, pixels = places // (height * width), places % (height * width)
    points = torch.stack([pixels % width, pixels // width], 1) * _STRIDE
    before, after = distances.flatten(1)[:, pixels].T.split(2, 1)
    return torch.cat([points - before, points + after], 1), classes, scores


def load_detector(manifest: Manifest, folder: Path) -> CenterNet:
    """Reads the network from the package with the weights, whose files are checked by their digests."""
    place = manifest.weights_folder(folder)
    graph = GraphNetwork.read(place / manifest.settings["graph"], place / manifest.settings["weights"], _OUTPUTS)
    return CenterNet(graph, manifest.labels or COCO).eval()
