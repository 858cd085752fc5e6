"""The device on which a network is trained: a GPU if there is one, otherwise the job's CPUs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from sagewright.algorithms.native import hardware

NARROW = 16
_BFLOAT16 = ("avx512_bf16", "amx_bf16")
Module = TypeVar("Module", bound=torch.nn.Module)


@dataclass(frozen=True)
class Device:
    """`place` is torch's device; `reduced` is the type of matrix products if it is not float32."""

    place: torch.device
    threads: int = 1
    reduced: torch.dtype | None = None

    @property
    def is_gpu(self) -> bool:
        return bool(self.place.type == "cuda")

    def reducing(self) -> contextlib.AbstractContextManager[Any]:
        """A context in which products are computed in the reduced type, if there is one (torch's autocast)."""
        if self.reduced is None:
            return contextlib.nullcontext()
        return torch.autocast(self.place.type, self.reduced)

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor on the device; the copy to a GPU is asynchronous."""
        return tensor.to(self.place, non_blocking=True) if self.is_gpu else tensor


def choose(values: Mapping[str, Any], precision: str = "float32") -> Device:
    """The device for the validated hyperparameters `values`, of which only `_num_gpus` is used. All of the job's CPUs are used.

    `precision` float16 means bfloat16 on CPUs, which have no float16 arithmetic.
    """
    threads = hardware.cpu_count()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    gpu = values.get("_num_gpus", "auto") != 0 and torch.cuda.is_available()
    place = torch.device("cuda", 0) if gpu else torch.device("cpu")
    reduced = None if precision == "float32" else torch.float16 if gpu else torch.bfloat16
    if gpu:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        logging.info("Training on %s.", torch.cuda.get_device_name(0))
    else:
        logging.info("Training on %d CPU%s.", threads, "" if threads == 1 else "s")
    if reduced is not None:
        logging.info("Products are computed in %s.", str(reduced).removeprefix("torch."))
    if reduced == torch.bfloat16 and not multiplies_bfloat16(torch.cpu.get_capabilities()):
        logging.warning("This CPU has no bfloat16 instructions: training is slower than in float32.")
    return Device(place, threads, reduced)


def multiplies_bfloat16(capabilities: Mapping[str, Any]) -> bool:
    """True if a CPU multiplies bfloat16, according to `torch.cpu.get_capabilities`; CPUs other than x86-64 are assumed to."""
    return capabilities.get("architecture") != "x86_64" or any(capabilities.get(name) for name in _BFLOAT16)


def for_serving() -> Device:
    """The device that answers requests: a GPU if there is one."""
    torch.set_num_threads(hardware.cpu_count())
    torch.set_flush_denormal(True)
    return Device(torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu"), hardware.cpu_count())


def laid_out(module: Module, width: int) -> Module:
    """The module with channels last in memory, which is faster; `width`: the channels of its narrowest layer.

    Narrow modules keep channels first, in their inputs too: with channels last, torch's backward pass of strided 1 x 1 convolutions
    writes beyond its memory (2.13 on CPUs, fewer than 16 channels, 310 pixels).
    """
    if width < NARROW:
        module.register_forward_pre_hook(_channels_first)
        return module
    return module.to(memory_format=torch.channels_last)


def _channels_first(_module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(one.contiguous() for one in given)


def seed(*parts: int) -> None:
    """Seeds all of torch's randomness with `parts`, such as (seed, epoch, host), until the next call."""
    mixed = 0
    for part in parts:
        mixed = (mixed * 1_000_003 + part + 1) % (1 << 63)
    torch.manual_seed(mixed)
