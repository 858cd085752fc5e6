"""Networks of TensorFlow.js's graph format, run by torch.

A graph model is a JSON file of nodes, and a file with the weights one after the other. Only what convolutional networks need is
read; tensors are in torch's order (N, C, H, W), while the file's is N, H, W, C. Source: tfjs-converter,
docs/supported_tensorflow_ops.md and src/operations.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_CONVOLUTIONS = frozenset({"Conv2D", "_FusedConv2D"})
_DEPTHWISE = frozenset({"DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"})
_TYPES = {"float32": (torch.float32, 4), "int32": (torch.int32, 4), "float16": (torch.float16, 2)}
_AXES = {0: 0, 1: 2, 2: 3, 3: 1}
"""torch's axis by that of the file."""
_RANK = 4


class GraphUnsupported(ValueError):
    """The file is damaged, or its network needs more than is supported here."""


class GraphNetwork(nn.Module):
    """The nodes that `outputs` need, in the order of their computation. Raises GraphUnsupported."""

    def __init__(self, document: Mapping[str, Any], weights: bytes, outputs: Sequence[str]) -> None:
        super().__init__()
        try:
            self._nodes = {node["name"]: node for node in document["modelTopology"]["node"]}
            self._constants = _constants(document["weightsManifest"], weights)
            self._outputs = tuple(outputs)
            self._steps = [self._step(name) for name in self._ordered()]
        except (KeyError, TypeError, IndexError, RuntimeError) as error:
            raise GraphUnsupported(f"the graph is damaged: {type(error).__name__}: {error}") from error

    @classmethod
    def read(cls, graph: Path, weights: Path, outputs: Sequence[str]) -> GraphNetwork:
        """Raises GraphUnsupported."""
        try:
            document = json.loads(graph.read_bytes())
        except (ValueError, RecursionError) as error:
            raise GraphUnsupported(f"{graph.name} is not JSON: {error}") from error
        return cls(document, weights.read_bytes(), outputs)

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """`pictures`: (N, 3, H, W). Returns the outputs."""
        made: dict[str, torch.Tensor] = {}
        for name, inputs, compute in self._steps:
            made[name] = compute(*(made[each] for each in inputs)) if compute is not None else pictures
        return [made[name] for name in self._outputs]

    def _ordered(self) -> list[str]:
        """Returns the names of the nodes that the outputs need, inputs first."""
        done: dict[str, None] = {}
        waiting = [(name, False) for name in reversed(self._outputs)]
        while waiting:
            name, complete = waiting.pop()
            if complete:
                done[name] = None
            elif name not in done:
                waiting.append((name, True))
                waiting += [(each, False) for each in self._inputs(name) if each not in done]
                if len(waiting) > 4 * len(self._nodes):
                    raise GraphUnsupported("the graph has a cycle")
        return list(done)

    def _inputs(self, name: str) -> list[str]:
        """Returns the inputs of a node that are computed."""
        return [each for each in self._nodes[name].get("input", ()) if each not in self._constants]

    def _step(self, name: str) -> tuple[str, list[str], Callable[..., torch.Tensor] | None]:
        node = self._nodes[name]
        fixed = [self._constants[each] for each in node.get("input", ()) if each in self._constants]
        return name, self._inputs(name), _computation(node, fixed)


def _computation(node: Mapping[str, Any], fixed: Sequence[torch.Tensor]) -> Callable[..., torch.Tensor] | None:
    """Returns what a node does with its computed inputs; None for the picture. `fixed`: its constants."""
    operation = node["op"]
    if operation == "Placeholder":
        return None
    if operation in _CONVOLUTIONS or operation in _DEPTHWISE:
        return _Convolution(node, fixed)
    if operation in {"Add", "AddV2", "Mul"}:
        return partial(_ELEMENTWISE[operation], *(_number(each) for each in fixed))
    if operation == "Mean" and fixed[0].tolist() == [1, 2] and node["attr"]["keep_dims"]["b"]:
        return partial(torch.mean, dim=(2, 3), keepdim=True)
    if operation == "ConcatV2":
        return partial(_concatenate, axis=_AXES[int(fixed[0])])
    if operation == "ResizeBilinear" and not _flags(node, "align_corners", "half_pixel_centers"):
        return partial(_resize, size=fixed[0].tolist())
    if operation in _SIMPLE:
        return _SIMPLE[operation]
    raise GraphUnsupported(f"the node {node['name']}: {operation} with these attributes is not supported")


class _Convolution:
    """A convolution, with the bias and the activation that are fused into it."""

    def __init__(self, node: Mapping[str, Any], fixed: Sequence[torch.Tensor]) -> None:
        attributes = node["attr"]
        kernel, self._bias = fixed[0], fixed[1] if len(fixed) > 1 else None
        self._depthwise = node["op"] in _DEPTHWISE
        order = (2, 3, 0, 1) if self._depthwise else (3, 2, 0, 1)
        self._kernel = kernel.permute(order).contiguous(memory_format=torch.channels_last)
        if self._depthwise:
            channels, multiplier, height, width = self._kernel.shape
            self._kernel = self._kernel.reshape(channels * multiplier, 1, height, width)
        self._stride = _spatial(attributes["strides"])
        self._dilation = _spatial(attributes.get("dilations", {"list": {"i": [1, 1, 1, 1]}}))
        self._same = _text(attributes["padding"]["s"]) == "SAME"
        fused = [_text(each) for each in attributes.get("fused_ops", {}).get("list", {}).get("s", ())]
        if fused[:1] not in ([], ["BiasAdd"]) or len(fused) > 2 or (self._bias is None) != (not fused):
            raise GraphUnsupported(f"the node {node['name']}: the fused operations {fused} are not supported")
        self._activation = _SIMPLE[fused[1]] if len(fused) == 2 else None

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        padding = (0, 0)
        if self._same:
            pictures, padding = self._padded(pictures)
        groups = pictures.shape[1] if self._depthwise else 1
        made = functional.conv2d(pictures, self._kernel, self._bias, self._stride, padding, self._dilation, groups)
        return made if self._activation is None else self._activation(made)

    def _padded(self, pictures: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        """Pads as TensorFlow's SAME does: half before the first pixel, and the rest, one more if it is odd, after the last."""
        (top, bottom), (left, right) = (
            _sides(size, kernel, stride, dilation)
            for size, kernel, stride, dilation in zip(
                pictures.shape[2:], self._kernel.shape[2:], self._stride, self._dilation, strict=True
            )
        )
        if (top, left) == (bottom, right):
            return pictures, (top, left)
        return functional.pad(pictures, (left, right, top, bottom)), (0, 0)


def _sides(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Returns the padding before and after an axis."""
    missing = max(0, (math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return missing // 2, missing - missing // 2


def _resize(pictures: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Interpolates as TensorFlow 1 did, with a grid that begins at the first pixel: pixel i of the result is at i * old / new."""
    for axis, wanted in zip((2, 3), size, strict=True):
        had = pictures.shape[axis]
        places = torch.arange(wanted, device=pictures.device) * (had / wanted)
        before = places.floor().long()
        share = (places - before).view(-1, *(1,) * (3 - axis))
        after = (before + 1).clamp(max=had - 1)
        low, high = pictures.index_select(axis, before), pictures.index_select(axis, after)
        pictures = torch.lerp(low, high, share.expand_as(low))
    return pictures


def _concatenate(*parts: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.cat(parts, axis)


_ELEMENTWISE: Mapping[str, Callable[..., torch.Tensor]] = {"Add": torch.add, "AddV2": torch.add, "Mul": torch.mul}
_SIMPLE: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Identity": lambda given: given,
    "Relu": functional.relu,
    "Relu6": functional.relu6,
    "Sigmoid": torch.sigmoid,
}


def _constants(manifest: Any, weights: bytes) -> dict[str, torch.Tensor]:
    """Returns the constants by name, floats as float32."""
    found, offset = {}, 0
    for each in (each for group in manifest for each in group["weights"]):
        stored, size = _TYPES[each.get("quantization", {}).get("dtype", each["dtype"])]
        count = math.prod(each["shape"])
        if count < 0 or offset + count * size > len(weights):
            raise GraphUnsupported(f"the weights end before {each['name']}")
        one = (
            torch.frombuffer(bytearray(weights[offset : offset + count * size]), dtype=stored)
            if count
            else torch.empty(0)
        )
        found[each["name"]] = one.reshape(each["shape"]).to(torch.int32 if each["dtype"] == "int32" else torch.float32)
        offset += count * size
    return found


def _number(constant: torch.Tensor) -> torch.Tensor:
    """Raises GraphUnsupported for a constant that is not one number: its axes would have to be put into torch's order."""
    if constant.numel() != 1:
        raise GraphUnsupported(f"a constant of shape {list(constant.shape)} beside a picture is not supported")
    return constant.reshape(())


def _spatial(attribute: Mapping[str, Any]) -> tuple[int, int]:
    _, height, width, _ = (int(each) for each in attribute["list"]["i"])
    return height, width


def _flags(node: Mapping[str, Any], *names: str) -> bool:
    return any(node["attr"].get(name, {}).get("b") for name in names)


def _text(given: str) -> str:
    return base64.b64decode(given).decode()
