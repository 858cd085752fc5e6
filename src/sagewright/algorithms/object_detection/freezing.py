"""Freezes weights: those whose names match `freeze_layer_pattern` at the beginning.

A name is that of the weights here (`backbone.features.0.weight`) or the one that they have in MXNet's networks (`conv1_1_weight`,
`stage2_unit1_conv1_weight`), for patterns that were written for AWS. Source: MXNet's SSD example.
"""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object_detection.network import STAGES

DEADLINE_S = 5.0
_VGG = {name: f"conv{stage + 1}_{place + 1}" for stage, names in enumerate(STAGES) for place, name in enumerate(names)}
_RESNET = re.compile(r"layer(\d)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.(\d))\.(\w+)")
_NORMALISATION = {"weight": "gamma", "bias": "beta"}


def freeze(module: nn.Module, pattern: str) -> None:
    """Raises UserError if all weights would be frozen, or the pattern takes too long."""
    frozen = 0
    everything = list(module.named_parameters())
    with _deadline(pattern):
        regex = re.compile(pattern)
        for name, each in everything:
            if regex.match(name) or regex.match(mxnet_name(name)):
                each.requires_grad_(False)
                frozen += 1
    if frozen == len(everything):
        raise UserError(f"freeze_layer_pattern {pattern!r} freezes all {frozen} parameters: there is nothing to learn")
    if frozen:
        logging.info("freeze_layer_pattern: %d of %d parameters are frozen.", frozen, len(everything))
    else:
        shown = ", ".join(name for name, _ in everything[:3])
        logging.warning("freeze_layer_pattern %r matches no parameter; some of them are: %s.", pattern, shown)


def mxnet_name(name: str) -> str:
    """Returns the name of a weight in MXNet's networks; the name itself if they have no counterpart."""
    parts = name.removeprefix("backbone.").split(".")
    if parts[0] == "features":
        return f"{_VGG[parts[1]]}_{parts[2]}"
    if parts[0] in ("fc6", "fc7"):
        return f"{parts[0]}_{parts[1]}"
    if parts[0] in ("conv1", "bn1"):
        return f"conv0_{parts[1]}" if parts[0] == "conv1" else f"bn0_{_NORMALISATION[parts[1]]}"
    found = _RESNET.fullmatch(".".join(parts))
    if not found:
        return name
    stage, unit, kind, number, past, what = found.groups()
    unit_name = f"stage{stage}_unit{int(unit) + 1}"
    if past:
        return f"{unit_name}_sc_{what}"
    return f"{unit_name}_{kind}{number}_{_NORMALISATION[what] if kind == 'bn' else what}"


@contextmanager
def _deadline(pattern: str) -> Iterator[None]:
    """Limits the time of matching: Python's regexes check for signals, so that a pattern that would never finish is interrupted."""

    def end(*_arguments: Any) -> None:
        raise UserError(f"freeze_layer_pattern {pattern!r} takes more than {DEADLINE_S:g} s to match")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
