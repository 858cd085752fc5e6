"""Checkpoints: whole ones in one file, or one part a process in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp

from smdistributed.modelparallel.torch import ranks
from smdistributed.modelparallel.torch.model import DistributedModel, DistributedOptimizer, states


def save(content: Any, file: str, partial: bool = True, **_options: Any) -> None:
    """As torch.save; `partial`: each process its own file, `<file>_<rank>`; else the first process alone."""
    if partial:
        torch.save(content, f"{file}_{ranks.rank()}")
    elif ranks.rank() == 0:
        torch.save(content, file)
    ranks.barrier()


def load(file: str, map_location: Any = None, partial: bool = True, **_options: Any) -> Any:
    """As torch.load, of what `save` wrote."""
    return torch.load(f"{file}_{ranks.rank()}" if partial else file, map_location=map_location, weights_only=True)


def save_checkpoint(
    path: str, tag: str, model: DistributedModel, optimizer: DistributedOptimizer, user_content: Any = None
) -> None:
    """All processes write their parts below `path`/`tag`; any number of them can read it again."""
    directory = Path(path) / tag
    dcp.save(_state(model, optimizer), checkpoint_id=str(directory))
    if ranks.rank() == 0:
        torch.save(user_content, directory / "user_content.pt")
        (Path(path) / "newest").write_text(tag)
    ranks.barrier()


def resume_from_checkpoint(
    path: str, model: DistributedModel, optimizer: DistributedOptimizer, tag: str | None = None
) -> Any:
    """The user content of checkpoint `tag`, else of the newest; model and optimiser are as they were.

    Raises FileNotFoundError.
    """
    directory = Path(path) / (tag or (Path(path) / "newest").read_text())
    state = _state(model, optimizer)
    dcp.load(state, checkpoint_id=str(directory))
    inner = optimizer._optimizer
    states.set_state_dict(model.module, inner, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
    return torch.load(directory / "user_content.pt", weights_only=True)


def _state(model: DistributedModel, optimizer: DistributedOptimizer) -> dict[str, Any]:
    of_model, of_optimizer = states.get_state_dict(model.module, optimizer._optimizer)
    return {"model": of_model, "optimizer": of_optimizer}
