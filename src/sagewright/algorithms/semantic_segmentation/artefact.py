"""The files of a trained segmenter: `model_best.params` holds the best epoch's weights as safetensors, `hyperparams.json` describes
the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from sagewright.algorithms.deep import weights
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.semantic_segmentation import network, rules
from sagewright.algorithms.semantic_segmentation import unet as unets
from sagewright.algorithms.semantic_segmentation.mixture import PixelModel, SegmentationMixture
from sagewright.algorithms.semantic_segmentation.network import Segmenter
from sagewright.algorithms.semantic_segmentation.unet import UNet

WEIGHTS, DESCRIPTION = "model_best.params", "hyperparams.json"
PIXELS, UNET = "pixels.", "unet."
"""Begin the names of the weights of the linear model and of the small U-Net."""
FORMAT = "sagewright-semantic-segmentation-1"
ALGORITHMS = ("fcn", "psp", "deeplab")


@dataclass(frozen=True)
class SegmentationDescription:
    """The settings needed to rebuild the network, and the sizes of its training images. `network_share`: the network's share beside
    a linear model of pixels; 1 without one. `unet_share`, `unet_scale` and `unet_levels` are a small U-Net's, if one is beside
    them; those of earlier versions have the fewest levels, and no number of them.
    """

    backbone: str
    algorithm: str
    num_classes: int
    crop_size: int
    base_size: int
    width: int
    network_share: float = 1.0
    unet_share: float | None = None
    unet_scale: float | None = None
    unet_levels: int | None = None

    def build(self) -> Segmenter:
        return network.build(self.backbone, self.algorithm, self.num_classes, self.width)


def is_ours(name: str) -> bool:
    """True if an archive's file is one of these."""
    return name in (WEIGHTS, DESCRIPTION)


def write(directory: Path, description: SegmentationDescription, module: Segmenter | SegmentationMixture) -> None:
    tensors = (module.network if isinstance(module, SegmentationMixture) else module).state_dict()
    for prefix, each in _beside(module):
        tensors.update({prefix + name: tensor for name, tensor in each.state_dict().items()})
    if isinstance(module, SegmentationMixture):
        description = replace(description, network_share=module.share)
        if module.unet is not None:
            own = module.unet
            description = replace(
                description, unet_share=module.unet_share, unet_scale=own.scale, unet_levels=own.levels
            )
    weights.write(directory / WEIGHTS, tensors)
    said = {name: value for name, value in asdict(description).items() if value is not None}
    weights.write_json(directory / DESCRIPTION, {"format": FORMAT, **said})


def _beside(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The models beside the network, with the prefixes of their weights' names."""
    if not isinstance(module, SegmentationMixture):
        return []
    return [(PIXELS, module.pixels)] + ([] if module.unet is None else [(UNET, module.unet)])


def read(directory: Path) -> tuple[SegmentationDescription, Segmenter | SegmentationMixture]:
    """Returns the network with its weights, and the models beside it if there are any. Raises UserError if the folder has no
    such model; a model written by AWS is reported as unsupported.
    """
    tensors = weights.read(directory / WEIGHTS)
    description = _described(weights.read_json(directory / DESCRIPTION))
    network = description.build()
    module: Segmenter | SegmentationMixture = network
    if description.network_share < 1:
        classes, share, scale = description.num_classes, description.unet_share, description.unet_scale
        levels = description.unet_levels or unets.FEWEST
        unet = None if share is None or scale is None else UNet(classes, scale, levels)
        module = SegmentationMixture(network, PixelModel(classes), description.network_share, unet, share or 0.0)
    for prefix, each in _beside(module):
        own = {name.removeprefix(prefix): tensors.pop(name) for name in sorted(tensors) if name.startswith(prefix)}
        weights.fill(each, own, WEIGHTS)
    weights.fill(network, tensors, WEIGHTS)
    return description, module


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
        shares = _shares(document)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{DESCRIPTION} does not describe a model of this algorithm: {error}") from error
    return SegmentationDescription(backbone, algorithm, **numbers, **shares)


def _shares(document: Mapping[str, Any]) -> dict[str, Any]:
    """The shares of the models, and the U-Net's scale and levels. Raises ValueError or TypeError."""
    names = [name for name in ("unet_share", "unet_scale") if document.get(name) is not None]
    found = {"network_share": float(document.get("network_share", 1.0))} | {
        name: float(document[name]) for name in names
    }
    for name, value in found.items():
        if not 0 <= value <= 1 or (name == "unet_scale" and not value):
            raise ValueError(f"{name} is {value}")
    if found["network_share"] + found.get("unet_share", 0.0) > 1:
        raise ValueError("network_share and unet_share are more than 1 together")
    if len(names) == 1:
        raise ValueError(f"it has {names[0]} alone")
    if document.get("unet_levels") is None:
        return found
    levels = int(document["unet_levels"])
    if not unets.FEWEST <= levels <= len(unets.WIDTHS):
        raise ValueError(f"unet_levels is {levels}")
    return {**found, "unet_levels": levels}
