"""Checkpoints: whole ones in one file, or the parts of all processes in a directory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp

from smdistributed.modelparallel.torch import model as models
from smdistributed.modelparallel.torch import ranks
from smdistributed.modelparallel.torch.messages import barrier
from smdistributed.modelparallel.torch.optimizer import DistributedOptimizer


def save(obj: Any, f: str, partial: bool = True, **_options: Any) -> None:
    """Like torch.save. `partial`: each process of the copy writes a separate file, `<f>_<mp_rank>`; else only the first process
    writes.
    """
    if partial and ranks.place().d == 0:
        torch.save(obj, f"{f}_{ranks.mp_rank()}")
    elif not partial and ranks.rank() == 0:
        torch.save(obj, f)


def load(f: str, map_location: Any = None, partial: bool = True, **_options: Any) -> Any:
    """Like torch.load, for files that `save` wrote."""
    return torch.load(f"{f}_{ranks.mp_rank()}" if partial else f, map_location=map_location, weights_only=True)


def save_checkpoint(
    path: str,
    tag: str,
    partial: bool = True,
    model: Any = None,
    optimizer: Any = None,
    user_content: Any = None,
    **options: Any,
) -> None:
    """Saves a checkpoint. `partial`: all processes write their parts below `path`/`tag`_partial; any number of them, divided in any
    way, can read it again. Otherwise the first process writes the whole to `path`/`tag`.

    `num_kept_partial_checkpoints`: older ones beyond it are removed.
    """
    model, base = model or models.current(), Path(path)
    if ranks.rank() == 0:
        base.mkdir(parents=True, exist_ok=True)
    barrier()
    if partial:
        directory = base / f"{tag}_partial"
        dcp.save(_parts(model, optimizer), checkpoint_id=str(directory))
        if ranks.rank() == 0:
            torch.save(user_content, directory / "user_content.pt")
    else:
        whole = {"model": model.state_dict(), "optimizer": optimizer.state_dict() if optimizer else None}
        if ranks.rank() == 0:
            torch.save(whole, base / tag)
            torch.save(user_content, base / f"user_content_{tag}")
    if ranks.rank() == 0:
        (base / "newest").write_text(tag)
        if partial and options.get("num_kept_partial_checkpoints"):
            _forget(base, int(options["num_kept_partial_checkpoints"]))
    barrier()


def resume_from_checkpoint(
    path: str,
    tag: str | None = None,
    partial: bool = True,
    strict: bool = True,
    load_optimizer: bool = True,
    **options: Any,
) -> Any:
    """Restores model and optimiser from checkpoint `tag`, or the newest one; returns its user content.

    `model` and `optimizer` among the options; by default those that were made last. Raises FileNotFoundError.
    """
    base = Path(path)
    tag = tag or (base / "newest").read_text()
    model = options.get("model") or models.current()
    optimizer = (options.get("optimizer") or DistributedOptimizer.newest) if load_optimizer else None
    if not partial:
        whole = torch.load(base / tag, weights_only=True)
        model.load_state_dict(whole["model"], strict=strict)
        if optimizer is not None and whole["optimizer"] is not None:
            optimizer.load_state_dict(whole["optimizer"])
        return torch.load(base / f"user_content_{tag}", weights_only=True)
    directory = base / f"{tag}_partial"
    if optimizer is not None:
        optimizer.begin()
    parts = _parts(model, optimizer)
    dcp.load(parts, checkpoint_id=str(directory))
    if optimizer is not None:
        optimizer.load_numbers(parts["optimizer"], parts["groups"])
    return torch.load(directory / "user_content.pt", weights_only=True)


def _parts(model: Any, optimizer: Any) -> dict[str, Any]:
    """Returns the parts by name, so that processes other than those that wrote them find them."""
    parts: dict[str, Any] = {"model": {name: value.detach() for name, value in model.local_named_state().items()}}
    if optimizer is not None:
        parts["optimizer"] = {name: dict(of) for name, of in optimizer.named_state().items()}
        parts["groups"] = optimizer.settings()
    return parts


def _forget(base: Path, kept: int) -> None:
    found = sorted(base.glob("*_partial"), key=lambda directory: directory.stat().st_mtime)
    for directory in found[:-kept]:
        shutil.rmtree(directory)
