"""The weights before the first epoch: new, from an earlier job, or pretrained."""

from __future__ import annotations

import logging

from torch import nn

from sagewright.algorithms.deep import archives
from sagewright.algorithms.deep.images import backbones
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.image_classification import artefact
from sagewright.algorithms.image_classification.artefact import ImageDescription


def begin(own: Run, module: nn.Module, description: ImageDescription) -> None:
    """Loads the weights that the job provides into the module. Raises UserError if they don't fit, or if they are requested and
    missing."""
    if own.values["use_pretrained_model"] == "1":
        backbones.fill(own.job, description.layers, module[1])
    elif "model" in own.job.channels:
        _go_on(own, module, description)


def _go_on(own: Run, module: nn.Module, description: ImageDescription) -> None:
    """Incremental training: loads the channel's model, which must be of the same network."""
    with archives.unpacked(own.job.channel_path("model"), artefact.is_ours) as folder:
        before, earlier = artefact.read(folder)
    archives.require_equal(_named(before), _named(description))
    module.load_state_dict(artefact.network_of(earlier).state_dict())
    logging.info("Training begins with the weights of channel model.")


def _named(description: ImageDescription) -> dict[str, object]:
    """The description's values by the hyperparameters that set them."""
    shape = ",".join(map(str, description.shape))
    return {"num_layers": description.layers, "image_shape": shape, "num_classes": description.classes}
