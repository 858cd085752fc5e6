"""The files of a trained image classifier, under their names on AWS; the weights are safetensors.

`image-classification-0007.params` are the weights after epoch 7, `image-classification-symbol.json` describes the network and names
the weights to use, `model-shapes.json` has the input's shape.
"""

from __future__ import annotations

import math
import re
from dataclasses import astuple, dataclass
from pathlib import Path

from torch import nn

from sagewright.algorithms.deep import weights
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import network, rules
from sagewright.algorithms.image_classification.framing import Framing
from sagewright.algorithms.image_classification.mixture import Mixture, Pixels

SYMBOL, SHAPES = "image-classification-symbol.json", "model-shapes.json"
FORMAT = "sagewright-image-classification-1"
_PIXELS = "pixels."
_WEIGHTS = re.compile(r"image-classification-[0-9]{4,9}\.params")
MOST_CLASSES = 1_000_000


@dataclass(frozen=True)
class ImageDescription:
    """The information needed to rebuild the network and to prepare images as in training. `shape`: channels, height, width. Without
    a `framing`, as in older models, whole images are resized to the shape.
    """

    layers: int
    shape: tuple[int, int, int]
    classes: int
    multi_label: bool
    framing: Framing | None = None

    def document(self) -> dict[str, object]:
        said = {"layers": self.layers, "shape": self.shape, "classes": self.classes, "multi_label": self.multi_label}
        return said if self.framing is None else {**said, "short_sides": list(astuple(self.framing))}


def is_ours(name: str) -> bool:
    """True if an archive's file is one of these."""
    return name in (SYMBOL, SHAPES) or _WEIGHTS.fullmatch(name) is not None


def weights_name(epoch: int) -> str:
    """The file name of an epoch's weights. Epochs count from 1."""
    return f"image-classification-{epoch:04d}.params"


def write_weights(directory: Path, module: nn.Module, epoch: int) -> None:
    tensors = network_of(module).state_dict()
    if isinstance(module, Mixture):
        tensors.update({_PIXELS + name: tensor for name, tensor in module.pixels.state_dict().items()})
    weights.write(directory / weights_name(epoch), tensors)


def network_of(module: nn.Module) -> nn.Module:
    """The network alone, of a module that may have a linear model beside it."""
    return module.network if isinstance(module, Mixture) else module


def write(directory: Path, description: ImageDescription, module: nn.Module, epoch: int) -> None:
    """Writes all files; `epoch` is the one whose weights are used."""
    write_weights(directory, module, epoch)
    document = {"format": FORMAT, "params": weights_name(epoch), **description.document()}
    if isinstance(module, Mixture):
        document["network_share"] = module.share
    weights.write_json(directory / SYMBOL, document)
    weights.write_json(directory / SHAPES, [{"name": "data", "shape": [1, *description.shape]}])


def read(directory: Path) -> tuple[ImageDescription, nn.Module]:
    """The network with its weights. Raises UserError for any other model; a model written by AWS is reported as unsupported."""
    document = weights.read_symbol(directory / SYMBOL)
    description, name, share = _described(document)
    module = network.build(description.layers, description.shape[0], description.classes)
    tensors = weights.read(directory / name)
    if share is None:
        weights.fill(module, tensors, name)
        return description, module
    pixels = Pixels(description.shape, description.classes)
    own = {key.removeprefix(_PIXELS): each for key, each in tensors.items() if key.startswith(_PIXELS)}
    weights.fill(pixels, own, name)
    weights.fill(module, {key: each for key, each in tensors.items() if not key.startswith(_PIXELS)}, name)
    return description, Mixture(module, pixels, share)


def _described(document: object) -> tuple[ImageDescription, str, float | None]:
    try:
        if not isinstance(document, dict) or document["format"] != FORMAT:
            raise ValueError("it has another format")
        sides = [int(each) for each in document["shape"]]
        shape = rules.shape({"image_shape": ",".join(map(str, sides))})
        layers, classes, name = int(document["layers"]), int(document["classes"]), str(document["params"])
        if str(layers) not in (*rules.LARGE, *rules.SMALL) or not 1 <= classes <= MOST_CLASSES:
            raise ValueError(f"no network has {layers} layers and {classes} classes")
        framing = Framing.read(document.get("short_sides"))
        share = None if document.get("network_share") is None else float(document["network_share"])
        if share is not None and not (math.isfinite(share) and 0 <= share <= 1):
            raise ValueError(f"network_share is {share}: it must be in [0, 1]")
        if not _WEIGHTS.fullmatch(name):
            raise ValueError(f"{name[:50]!r} is not the name of a weight")
    except (LookupError, TypeError, ValueError, OverflowError, UserError) as error:
        raise UserError(f"{SYMBOL} does not describe an image classifier of this algorithm: {error}") from error
    return ImageDescription(layers, shape, classes, document.get("multi_label") is True, framing), name, share
