"""A model whose parameters are spread over the processes, and an optimiser that updates each one's part."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.checkpoint import state_dict as states
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from smdistributed.modelparallel.torch import ranks

_WHOLE = states.StateDictOptions(full_state_dict=True, cpu_offload=True)
_FROM_WHOLE = states.StateDictOptions(full_state_dict=True)


class DistributedModel(torch.nn.Module):
    """Each child of the model is a unit of sharding, and the rest of the model one more."""

    def __init__(self, module: torch.nn.Module, **_options: Any) -> None:
        super().__init__()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda":
            torch.cuda.set_device(ranks.local_rank())
        module.to(device)
        for parameter in [*module.parameters(), *module.buffers()]:
            torch.distributed.broadcast(parameter.data, 0)  # one copy to begin with, whatever the seeds
        mesh = _mesh(device)
        for child in module.children():
            if any(True for _ in child.parameters()) and not isinstance(
                child, (torch.nn.ModuleList, torch.nn.ModuleDict)
            ):
                fully_shard(child, mesh=mesh)
        self.module = fully_shard(module, mesh=mesh)

    def forward(self, *arguments: Any, **named: Any) -> Any:
        return self.module(*arguments, **named)

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of all microbatches are averaged."""
        (loss / int(ranks.option("microbatches", 1))).backward()

    def state_dict(self, *_arguments: Any, **_options: Any) -> dict[str, Any]:
        """The whole model, on every process. All must call it together."""
        whole = states.get_model_state_dict(self.module, options=_WHOLE)
        box = [whole]
        torch.distributed.broadcast_object_list(box, 0)
        return box[0]

    def load_state_dict(self, state_dict: Any, *_arguments: Any, **_options: Any) -> Any:
        return states.set_model_state_dict(self.module, dict(state_dict), options=_FROM_WHOLE)

    def local_state_dict(self) -> dict[str, Any]:
        """This process's part."""
        return {name: parameter.to_local() for name, parameter in self.module.named_parameters()}


class DistributedOptimizer:
    """The optimiser that was made for the model's own parameters, now for the sharded ones."""

    def __init__(self, optimizer: torch.optim.Optimizer, model: DistributedModel | None = None) -> None:
        self._optimizer = optimizer
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)


def _mesh(device: str) -> Any:
    degree = int(ranks.option("sharded_data_parallel_degree", 0) or ranks.size())
    if degree == ranks.size():
        return init_device_mesh(device, (degree,))
    return init_device_mesh(device, (ranks.size() // degree, degree), mesh_dim_names=("replicate", "shard"))
