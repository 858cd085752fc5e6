"""The files of a trained segmenter: `model_best.params` holds the best epoch's weights as safetensors, `hyperparams.json` describes
the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sagewright.algorithms.deep import weights
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.semantic_segmentation import network, rules
from sagewright.algorithms.semantic_segmentation.mixture import PixelModel, SegmentationMixture
from sagewright.algorithms.semantic_segmentation.network import Segmenter

WEIGHTS, DESCRIPTION = "model_best.params", "hyperparams.json"
PIXELS = "pixels."
"""Begins the names of the linear model's weights."""
FORMAT = "sagewright-semantic-segmentation-1"
ALGORITHMS = ("fcn", "psp", "deeplab")


@dataclass(frozen=True)
class SegmentationDescription:
    """The settings needed to rebuild the network, and the sizes of its training images. `network_share`: the network's share beside
    a linear model of pixels; 1 without one.
    """

    backbone: str
    algorithm: str
    num_classes: int
    crop_size: int
    base_size: int
    width: int
    network_share: float = 1.0

    def build(self) -> Segmenter:
        return network.build(self.backbone, self.algorithm, self.num_classes, self.width)


def is_ours(name: str) -> bool:
    """True if an archive's file is one of these."""
    return name in (WEIGHTS, DESCRIPTION)


def write(directory: Path, description: SegmentationDescription, module: Segmenter | SegmentationMixture) -> None:
    if isinstance(module, SegmentationMixture):
        description = replace(description, network_share=module.share)
        of_pixels = {f"{PIXELS}{name}": each for name, each in module.pixels.state_dict().items()}
        weights.write(directory / WEIGHTS, {**module.network.state_dict(), **of_pixels})
    else:
        weights.write(directory / WEIGHTS, module.state_dict())
    weights.write_json(directory / DESCRIPTION, {"format": FORMAT, **asdict(description)})


def read(directory: Path) -> tuple[SegmentationDescription, Segmenter | SegmentationMixture]:
    """Returns the network with its weights, and the linear model beside it if there is one. Raises UserError if the folder has no
    such model; a model written by AWS is reported as unsupported.
    """
    tensors = weights.read(directory / WEIGHTS)
    description = _described(weights.read_json(directory / DESCRIPTION))
    module = description.build()
    if description.network_share >= 1:
        weights.fill(module, tensors, WEIGHTS)
        return description, module
    pixels = PixelModel(description.num_classes)
    of_pixels = {name.removeprefix(PIXELS): each for name, each in tensors.items() if name.startswith(PIXELS)}
    weights.fill(pixels, of_pixels, WEIGHTS)
    weights.fill(module, {name: each for name, each in tensors.items() if not name.startswith(PIXELS)}, WEIGHTS)
    return description, SegmentationMixture(module, pixels, description.network_share)


def _described(document: object) -> SegmentationDescription:
    try:
        if not isinstance(document, dict) or document["format"] != FORMAT:
            raise ValueError("it has another format")
        numbers = {name: int(document[name]) for name in ("num_classes", "crop_size", "base_size", "width")}
        bounds = {"num_classes": 254, "crop_size": rules.MOST_SIDE, "base_size": rules.MOST_SIDE, "width": 64}
        for name, value in numbers.items():
            if not 1 <= value <= bounds[name]:
                raise ValueError(f"{name} is {value}")
        backbone, algorithm = str(document["backbone"]), str(document["algorithm"])
        if backbone not in network.LAYERS or algorithm not in ALGORITHMS:
            raise ValueError("it has another network")
        share = float(document.get("network_share", 1.0))
        if not 0 <= share <= 1:
            raise ValueError(f"network_share is {share}")
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{DESCRIPTION} does not describe a model of this algorithm: {error}") from error
    return SegmentationDescription(backbone, algorithm, **numbers, network_share=share)
