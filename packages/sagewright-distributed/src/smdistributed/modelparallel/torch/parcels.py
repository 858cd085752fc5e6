"""Sends any Python object with tensors inside from one process of a pipeline to another. Tensors travel as their bytes."""

from __future__ import annotations

import pickle
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class _Slot:
    """Stands in for the tensor of this index."""

    def __init__(self, index: int) -> None:
        self.index = index


def taken_apart(content: Any) -> tuple[Any, list[Tensor]]:
    """Returns `content` with slots for its tensors, in lists, tuples, dicts and PyTorch's registered trees; and the tensors."""
    tensors: list[Tensor] = []

    def slot(tensor: Tensor) -> _Slot:
        tensors.append(tensor)
        return _Slot(len(tensors) - 1)

    return torch.utils._pytree.tree_map_only(torch.Tensor, slot, content), tensors


def put_together(frame: Any, tensors: list[Any]) -> Any:
    """Reverses `taken_apart`."""
    return torch.utils._pytree.tree_map_only(_Slot, lambda slot: tensors[slot.index], frame)


def send(content: Any, to: int, group: Any) -> None:
    """Sends the content to world rank `to`. Raises TypeError for an object that can't be pickled."""
    frame, tensors = taken_apart(content)
    about = [(tensor.shape, tensor.dtype, tensor.requires_grad) for tensor in tensors]
    try:
        head = pickle.dumps((frame, about))
    except Exception as error:
        raise TypeError(f"What goes from partition to partition must be tensors and plain objects: {error}") from error
    dist.send(torch.tensor([len(head)]), to, group=group)
    dist.send(torch.frombuffer(bytearray(head), dtype=torch.uint8), to, group=group)
    for tensor in tensors:
        if tensor.numel():
            dist.send(_as_bytes(tensor.detach().cpu().contiguous()), to, group=group)


def receive(source: int, group: Any, device: torch.device) -> Any:
    """Returns the content from `send`. Tensors require gradients where the originals did."""
    length = torch.empty(1, dtype=torch.int64)
    dist.recv(length, source, group=group)
    head = torch.empty(int(length), dtype=torch.uint8)
    dist.recv(head, source, group=group)
    frame, about = pickle.loads(head.numpy().tobytes())  # noqa: S301 - from a process of the same job
    tensors = []
    for shape, dtype, requires_grad in about:
        tensor = torch.empty(shape, dtype=dtype)
        if tensor.numel():
            dist.recv(_as_bytes(tensor), source, group=group)
        tensors.append(tensor.to(device).requires_grad_(requires_grad))
    return put_together(frame, tensors)


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).view(torch.uint8)
