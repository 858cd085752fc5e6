"""Validated options of a job, from `distribution=` (mp_parameters).

Names and defaults: the configuration parameters of AWS's library, version 1.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

PLACEMENTS = {"cluster": "DPT", "spread": "TPD"}


class NotGiven(NotImplementedError):
    """An option requests an unsupported feature; the message names it."""


@dataclass(frozen=True)
class Options:
    """The division of work among the processes. `order`: the axes Data, Pipeline and Tensor, the last one's neighbours nearest."""

    pipeline: int = 1
    tensor: int = 1
    sharded: int = 0
    microbatches: int = 1
    prescaled_batch: bool = False
    auto_partition: bool = True
    default_partition: int = 0
    order: str = "DPT"
    given: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, config: dict[str, Any] | None = None) -> Options:
        """Returns the job's options, overridden by `config`. Raises ValueError and NotGiven."""
        given = {**json.loads(os.environ.get("SM_HP_MP_PARAMETERS") or "{}"), **(config or {})}
        if _true(given.get("fp16")) or _true(given.get("fp16_params")):
            raise NotGiven("fp16=True: training in half precision is not implemented; use torch.autocast in the step.")
        order = str(given.get("placement_strategy") or "cluster")
        order = PLACEMENTS.get(order, order)
        if sorted(order) != sorted("DPT"):
            raise ValueError(
                f"placement_strategy={given['placement_strategy']!r}: not cluster, spread or an order of D, P and T."
            )
        read = cls(
            pipeline=_count(given, "pipeline_parallel_degree", _count(given, "partitions", 1)),
            tensor=_count(given, "tensor_parallel_degree", 1),
            sharded=_count(given, "sharded_data_parallel_degree", 0, least=0),
            microbatches=_count(given, "microbatches", 1),
            prescaled_batch=_true(given.get("prescaled_batch")),
            auto_partition=_true(given.get("auto_partition", True)),
            default_partition=_count(given, "default_partition", 0, least=0),
            order=order,
            given=given,
        )
        if read.default_partition >= read.pipeline:
            raise ValueError(f"default_partition={read.default_partition}: there are {read.pipeline} partitions.")
        if read.sharded > 1 and read.pipeline > 1:
            raise ValueError(
                f"sharded_data_parallel_degree={read.sharded} cannot be used with "
                f"pipeline_parallel_degree={read.pipeline}: parameters are either divided by layers or sharded."
            )
        return read

    def over(self, processes: int) -> None:
        """Raises ValueError unless the degrees divide the number of processes."""
        held = self.pipeline * self.tensor
        if processes % held:
            raise ValueError(
                f"pipeline_parallel_degree={self.pipeline} times tensor_parallel_degree={self.tensor} "
                f"does not divide the {processes} processes."
            )
        shared = processes // self.pipeline
        if self.sharded and shared % self.sharded:
            raise ValueError(f"sharded_data_parallel_degree={self.sharded} does not divide the {shared} processes.")
        if self.sharded and self.tensor > 1 and self.sharded % self.tensor:
            raise ValueError(
                f"sharded_data_parallel_degree={self.sharded} is not a multiple of tensor_parallel_degree={self.tensor}."
            )


def _count(given: dict[str, Any], name: str, default: int, least: int = 1) -> int:
    value = given.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r}: not a whole number.") from None
    if number < least:
        raise ValueError(f"{name}={number}: less than {least}.")
    return number


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1")
