"""Tensor parallelism for a whole model."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from smdistributed.modelparallel.torch import marks
from smdistributed.modelparallel.torch.division import divided
from smdistributed.modelparallel.torch.options import NotGiven


def transform(
    model: torch.nn.Module, config: Any = None, load_state_dict_from_rank0: bool = False, **_options: Any
) -> torch.nn.Module:
    """Returns `model` with its linear maps and embeddings divided over the tensor-parallel processes, which must give it the same
    batches. Modules that can't be divided stay whole.

    `load_state_dict_from_rank0`: the first process's parameters count, whatever the others have. Raises NotGiven for a `config` of
    experts.
    """
    if config is not None:
        raise NotGiven("transform(config=…): expert parallelism is not implemented.")
    if load_state_dict_from_rank0:
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_meta:
                raise ValueError(
                    "load_state_dict_from_rank0: a parameter is on the meta device; make the model on all processes."
                )
            dist.broadcast(value.data, 0)
    marks.set_tensor_parallelism(model, True)
    return divided(model)
