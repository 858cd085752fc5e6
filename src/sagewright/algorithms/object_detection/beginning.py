"""The network before the first epoch: from an earlier job, on a backbone pretrained on ImageNet, or new.

Source of converting the full layers to convolutions: L.-C. Chen et al., "Semantic Image Segmentation with Deep Convolutional Nets
and Fully Connected CRFs", ICLR 2015, section 3.1.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from sagewright.algorithms.deep import archives, pretrained, weights
from sagewright.algorithms.deep.images import backbones
from sagewright.algorithms.deep.pretrained import PretrainedWeights
from sagewright.algorithms.deep.residual import WIDTH
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object_detection import anchors, artefact, network
from sagewright.algorithms.object_detection.artefact import DetectionDescription
from sagewright.algorithms.object_detection.network import Detector, Vgg

VGG_FILES = PretrainedWeights("VGG-16", ("vgg16-397923af.pth", "vgg16-397923af.safetensors"))
_FULL = {"classifier.0.weight": (4096, 512, 7, 7), "classifier.3.weight": (4096, 4096, 1, 1)}


def begin(own: Run) -> tuple[DetectionDescription, Detector, bool]:
    """Returns the network, and False if all of its weights are new. Raises UserError if the model of the channel doesn't fit."""
    values = own.values
    description = DetectionDescription(
        **{name: values[name] for name in ("base_network", "num_classes", "image_shape", "nms_threshold")},
        width=values["_width"],
        normalised=values["base_network"] == network.VGG,
    )
    if archives.is_given(own.job, artefact.SYMBOL):
        return *_go_on(own, description), True
    if values["use_pretrained_model"] == "1" and description.width == WIDTH:
        try:
            return *_on_backbone(own, description), True
        except UserError as error:
            logging.warning("use_pretrained_model is 1, and training begins from scratch. %s", error)
    return description, description.build(), False


def _go_on(own: Run, description: DetectionDescription) -> tuple[DetectionDescription, Detector]:
    """Starts incremental training from the model of the channel, which must be of the same network."""
    with archives.unpacked(own.job.channel_path("model"), artefact.is_ours) as folder:
        before, module = artefact.read(folder)
    archives.require_equal(
        vars(before), {name: getattr(description, name) for name in ("base_network", "num_classes", "width")}
    )
    if anchors.maps(before.image_shape) != anchors.maps(description.image_shape):
        raise UserError(
            f"The model of channel model has image_shape {before.image_shape}, and this job {description.image_shape}: "
            f"both must be less than {anchors.LARGE}, or none of them."
        )
    logging.info("Training begins with the weights of channel model.")
    return replace(description, normalised=before.normalised), module


def _on_backbone(own: Run, description: DetectionDescription) -> tuple[DetectionDescription, Detector]:
    if description.base_network == network.RESNET:
        module = description.build()
        backbones.fill(own.job, 50, module.backbone)
        return description, module
    plain = replace(description, normalised=False)  # as the public weights are
    found = pretrained.find(own.job, VGG_FILES)
    module = plain.build()
    fill(module.backbone, found)
    return plain, module


def fill(backbone: Vgg, found: dict[str, torch.Tensor]) -> None:
    """Loads VGG-16's weights by torchvision's names; keeps every fourth output and every third place of the full layers."""
    own = {name: each for name, each in backbone.state_dict().items() if name.startswith("features.")}
    given = {name: each.float() for name, each in found.items() if name.startswith("features.")}
    weights.check(own, given, "The file of VGG-16")
    for name, shape in _FULL.items():
        each, layer = found.get(name), "fc6" if name.startswith("classifier.0") else "fc7"
        bias = found.get(name.replace("weight", "bias"))
        if each is None or bias is None or each.numel() != torch.Size(shape).numel() or len(bias) != shape[0]:
            raise UserError(f"The file of VGG-16 belongs to another network: {name} must have {list(shape)} numbers")
        if bool(torch.isfinite(each).all()):
            whole = each.float().view(shape)
            given[f"{layer}.weight"] = whole[::4, :, ::3, ::3] if layer == "fc6" else whole[::4, ::4]
            given[f"{layer}.bias"] = bias.float()[::4]
    backbone.load_state_dict({**backbone.state_dict(), **given})
