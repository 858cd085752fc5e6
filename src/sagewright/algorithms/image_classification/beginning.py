"""What the weights are before the first epoch: new, those of an earlier job, or pretrained ones."""

from __future__ import annotations

import logging

import torch
from torch import nn

from sagewright.algorithms.deep import archives, pretrained, weights
from sagewright.algorithms.deep.pretrained import Wanted
from sagewright.algorithms.deep.run import Run
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import artefact
from sagewright.algorithms.image_classification.artefact import Description

NAMES = {
    18: ("resnet18-f37072fd.pth",),
    34: ("resnet34-b627a593.pth",),
    50: ("resnet50-11ad3fa6.pth", "resnet50-0676ba61.pth"),
    101: ("resnet101-cd907fc2.pth", "resnet101-63fe2227.pth"),
    152: ("resnet152-f82ba261.pth", "resnet152-394f9c45.pth"),
}
"""Torchvision's files of weights that were learnt on ImageNet."""


def begin(own: Run, module: nn.Module, description: Description) -> None:
    """Put what the job brings into the module. Raises UserError where that doesn't fit, or is asked for and missing."""
    if own.values["use_pretrained_model"] == "1":
        names = NAMES[description.layers]
        wanted = Wanted(
            f"ResNet-{description.layers}", (*names, *(name.replace(".pth", ".safetensors") for name in names))
        )
        _take(module, pretrained.find(own.job, wanted), wanted)
    elif "model" in own.job.channels:
        _go_on(own, module, description)


def _take(module: nn.Module, found: dict[str, torch.Tensor], wanted: Wanted) -> None:
    """All but the last layer, whose classes are others."""
    own = module.state_dict()
    body = {name.removeprefix("1."): tensor for name, tensor in own.items() if name.startswith("1.")}
    found = {name: tensor for name, tensor in found.items() if not name.startswith("fc.")}
    counts = {name: each for name, each in body.items() if name.endswith("num_batches_tracked")}
    found = {
        **counts,
        **{name: tensor.to(body[name].dtype) if name in body else tensor for name, tensor in found.items()},
    }
    weights.check(
        {name: each for name, each in body.items() if not name.startswith("fc.")},
        found,
        f"The file of {wanted.network}",
    )
    module.load_state_dict({**own, **{f"1.{name}": tensor for name, tensor in found.items()}})


def _go_on(own: Run, module: nn.Module, description: Description) -> None:
    """Incremental training: from the model of the channel, which must be of the same network."""
    with archives.unpacked(own.job.channel_path("model"), artefact.is_ours) as folder:
        before, earlier = artefact.read(folder)
    for name, old, new in (
        ("num_layers", before.layers, description.layers),
        ("image_shape", ",".join(map(str, before.shape)), ",".join(map(str, description.shape))),
        ("num_classes", before.classes, description.classes),
    ):
        if old != new:
            raise UserError(f"The model of channel model has {name} {old}, and this job {new}: they must be equal.")
    module.load_state_dict(earlier.state_dict())
    logging.info("Training begins with the weights of channel model.")
