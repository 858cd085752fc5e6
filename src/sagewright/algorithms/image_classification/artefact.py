"""The files of a trained image classifier, under their names on AWS; the weights are safetensors.

`image-classification-0007.params` are the weights after epoch 7, `image-classification-symbol.json` describes the network and names
the weights to use, `model-shapes.json` has the input's shape.
"""

from __future__ import annotations

import math
import re
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from sagewright.algorithms.deep import weights
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import network, rules
from sagewright.algorithms.image_classification.framing import Framing
from sagewright.algorithms.image_classification.mixture import Mixture, Pixels
from sagewright.algorithms.image_classification.plain import Plain

SYMBOL, SHAPES = "image-classification-symbol.json", "model-shapes.json"
FORMAT = "sagewright-image-classification-1"
_PIXELS, _PLAIN = "pixels.", "plain."
_WEIGHTS = re.compile(r"image-classification-[0-9]{4,9}\.params")
MOST_CLASSES = 1_000_000
ROUNDING = 1e-9
"""Amount by which the sum of shares may exceed 1."""
Shares = tuple[float, float | None]
"""The shares of the network and of the plain network, None if there is no plain one."""


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
    for prefix, beside in _beside(module):
        tensors.update({prefix + name: tensor for name, tensor in beside.state_dict().items()})
    weights.write(directory / weights_name(epoch), tensors)


def _beside(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The models beside the network, with the prefixes of their weights' names."""
    if not isinstance(module, Mixture):
        return []
    return [(_PIXELS, module.pixels)] + ([] if module.plain is None else [(_PLAIN, module.plain)])


def network_of(module: nn.Module) -> nn.Module:
    """The network alone, of a module that may have others beside it."""
    return module.network if isinstance(module, Mixture) else module


def write(directory: Path, description: ImageDescription, module: nn.Module, epoch: int) -> None:
    """Writes all files; `epoch` is the one whose weights are used."""
    write_weights(directory, module, epoch)
    document = {"format": FORMAT, "params": weights_name(epoch), **description.document()}
    if isinstance(module, Mixture):
        document["network_share"] = module.share
        if module.plain is not None:
            document["plain_share"] = module.plain_share
    weights.write_json(directory / SYMBOL, document)
    weights.write_json(directory / SHAPES, [{"name": "data", "shape": [1, *description.shape]}])


def read(directory: Path) -> tuple[ImageDescription, nn.Module]:
    """The network with its weights. Raises UserError for any other model; a model written by AWS is reported as unsupported."""
    document = weights.read_symbol(directory / SYMBOL)
    description, name, shares = _described(document)
    module: nn.Module = network.build(description.layers, description.shape[0], description.classes)
    tensors = weights.read(directory / name)
    if shares is not None:
        plain = None if shares[1] is None else Plain(description.shape, description.classes)
        module = Mixture(module, Pixels(description.shape, description.classes), shares[0], plain, shares[1] or 0.0)
    for prefix, beside in _beside(module):
        own = {key.removeprefix(prefix): tensors.pop(key) for key in sorted(tensors) if key.startswith(prefix)}
        weights.fill(beside, own, name)
    weights.fill(network_of(module), tensors, name)
    return description, module


def _described(document: object) -> tuple[ImageDescription, str, Shares | None]:
    try:
        if not isinstance(document, dict) or document["format"] != FORMAT:
            raise ValueError("it has another format")
        sides = [int(each) for each in document["shape"]]
        shape = rules.shape({"image_shape": ",".join(map(str, sides))})
        layers, classes, name = int(document["layers"]), int(document["classes"]), str(document["params"])
        if str(layers) not in (*rules.LARGE, *rules.SMALL) or not 1 <= classes <= MOST_CLASSES:
            raise ValueError(f"no network has {layers} layers and {classes} classes")
        framing = Framing.read(document.get("short_sides"))
        shares = _shares(document)
        if not _WEIGHTS.fullmatch(name):
            raise ValueError(f"{name[:50]!r} is not the name of a weight")
    except (LookupError, TypeError, ValueError, OverflowError, UserError) as error:
        raise UserError(f"{SYMBOL} does not describe an image classifier of this algorithm: {error}") from error
    return ImageDescription(layers, shape, classes, document.get("multi_label") is True, framing), name, shares


def _shares(document: dict[str, Any]) -> Shares | None:
    """The shares in a model's description; None if the network is alone. Raises ValueError or TypeError."""
    if document.get("network_share") is None:
        return None
    names = [name for name in ("network_share", "plain_share") if document.get(name) is not None]
    shares = [float(document[name]) for name in names]
    for name, share in zip(names, shares, strict=True):
        if not (math.isfinite(share) and 0 <= share <= 1):
            raise ValueError(f"{name} is {share}: it must be in [0, 1]")
    if sum(shares) > 1 + ROUNDING:
        raise ValueError(f"{' and '.join(names)} are {sum(shares)} together: they must be at most 1")
    return shares[0], shares[1] if len(shares) > 1 else None
