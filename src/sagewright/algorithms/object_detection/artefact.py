"""The files of a trained detector, under their names on AWS; the weights are safetensors.

`model_algo_1-0000.params` holds the weights, `model_algo_1-symbol.json` describes the network, `hyperparams.json` the
hyperparameters of the training.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training.device import laid_out
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object_detection import anchors, network, rules
from sagewright.algorithms.object_detection.network import Detector

WEIGHTS, SYMBOL, SETTINGS = "model_algo_1-0000.params", "model_algo_1-symbol.json", "hyperparams.json"
FORMAT = "sagewright-object-detection-1"


@dataclass(frozen=True)
class DetectionDescription:
    """The settings needed to rebuild the network and to predict. `normalised`: VGG-16 with batch normalisation."""

    base_network: str
    num_classes: int
    image_shape: int
    nms_threshold: float
    width: int
    normalised: bool

    def build(self) -> Detector:
        """Builds the network with new weights, drawn from torch's generator."""
        maps = anchors.maps(self.image_shape)
        module = Detector(self.base_network, self.num_classes, maps, self.width, self.normalised)
        return laid_out(module, self.width)


def is_ours(name: str) -> bool:
    """True if an archive's file is one of these."""
    return name in (WEIGHTS, SYMBOL, SETTINGS)


def write(directory: Path, description: DetectionDescription, module: Detector) -> None:
    weights.write(directory / WEIGHTS, module.state_dict())
    weights.write_json(directory / SYMBOL, {"format": FORMAT, "params": WEIGHTS, **asdict(description)})
    names = ("base_network", "num_classes", "image_shape", "nms_threshold")
    weights.write_json(directory / SETTINGS, {name: str(getattr(description, name)) for name in names})


def read(directory: Path) -> tuple[DetectionDescription, Detector]:
    """Returns the network with its weights. Raises UserError if the folder has no such model; a model written by AWS is reported as
    unsupported.
    """
    document = weights.read_symbol(directory / SYMBOL)
    description = _described(document)
    tensors = weights.read(directory / WEIGHTS)
    module = description.build()
    weights.fill(module, tensors, WEIGHTS)
    return description, module


def _described(document: object) -> DetectionDescription:
    try:
        if not isinstance(document, dict) or document["format"] != FORMAT:
            raise ValueError("it has another format")
        base = str(document["base_network"])
        if base not in (network.VGG, network.RESNET):
            raise ValueError(f"there is no network {base[:50]!r}")
        bounds = {
            "num_classes": (1, rules.MOST_CLASSES), "image_shape": (rules.SIDE, rules.MOST_SIDE), "width": (1, 64)
        }  # fmt: skip
        numbers = {name: int(document[name]) for name in bounds}
        for name, (least, most) in bounds.items():
            if not least <= numbers[name] <= most:
                raise ValueError(f"{name} is {numbers[name]}")
        threshold = float(document["nms_threshold"])
        if not 0 < threshold <= 1:
            raise ValueError(f"nms_threshold is {threshold}")
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{SYMBOL} does not describe a detector of this algorithm: {error}") from error
    return DetectionDescription(base, nms_threshold=threshold, normalised=document.get("normalised") is True, **numbers)
