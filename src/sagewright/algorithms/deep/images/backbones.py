"""Weights of residual networks trained on ImageNet, from torchvision's files."""

from __future__ import annotations

import torch
from torch import nn

from sagewright.algorithms.deep import pretrained, weights
from sagewright.algorithms.deep.pretrained import PretrainedWeights
from sagewright.algorithms.job import Job

NAMES = {
    18: ("resnet18-f37072fd.pth",),
    34: ("resnet34-b627a593.pth",),
    50: ("resnet50-11ad3fa6.pth", "resnet50-0676ba61.pth"),
    101: ("resnet101-cd907fc2.pth", "resnet101-63fe2227.pth"),
    152: ("resnet152-f82ba261.pth", "resnet152-394f9c45.pth"),
}


def fill(job: Job, layers: int, body: nn.Module) -> None:
    """Loads the weights of a network of `layers` layers into `body`, except for the last layer, whose classes differ.

    Raises UserError.
    """
    names = NAMES[layers]
    wanted = PretrainedWeights(f"ResNet-{layers}", (*names, *(name.replace(".pth", ".safetensors") for name in names)))
    put(body, pretrained.find(job, wanted), f"The file of {wanted.network}")


def put(body: nn.Module, found: dict[str, torch.Tensor], what: str) -> None:
    own = {name: each for name, each in body.state_dict().items() if not name.startswith("fc.")}
    counts = {name: each for name, each in own.items() if name.endswith("num_batches_tracked")}
    given = {
        name: tensor.to(own[name].dtype) if name in own else tensor
        for name, tensor in found.items()
        if not name.startswith("fc.")
    }
    given = {**counts, **given}
    weights.check(own, given, what)
    body.load_state_dict({**body.state_dict(), **given})
