"""Objects with tensors inside, sent from one process to another."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from smdistributed.modelparallel.torch import parcels


def _content() -> Any:
    return {
        "matrix": torch.arange(6.0).reshape(2, 3).t(),
        "half": [torch.ones(3, dtype=torch.bfloat16), (torch.tensor(7), None)],
        "empty": torch.empty(0, 4),
        "learned": torch.zeros(2, requires_grad=True),
        "plain": "text",
    }


def _alike(one: Any, other: Any) -> bool:
    (frame, tensors), (frame2, tensors2) = parcels.taken_apart(one), parcels.taken_apart(other)
    same = [
        a.dtype == b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad and torch.equal(a, b)
        for a, b in zip(tensors, tensors2)
    ]
    return len(tensors) == len(tensors2) and all(same) and frame["plain"] == frame2["plain"]


def test_what_is_taken_apart_is_put_together_again() -> None:
    frame, tensors = parcels.taken_apart(_content())
    assert len(tensors) == 5
    assert _alike(parcels.put_together(frame, tensors), _content())


def _process(rank: int, store: str, results: str) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=datetime.timedelta(seconds=60)
    )
    if rank == 0:
        parcels.send(_content(), 1, None)
    else:
        got = parcels.receive(0, None, torch.device("cpu"))
        Path(results).write_text(str(_alike(got, _content())))
    dist.barrier()
    dist.destroy_process_group()


def test_they_arrive_as_they_were_sent(tmp_path: Path) -> None:
    arguments = (str(tmp_path / "store"), str(tmp_path / "result"))
    mp.start_processes(_process, arguments, nprocs=2, start_method="fork")
    assert (tmp_path / "result").read_text() == "True"


def test_what_can_not_be_sent_is_told() -> None:
    with pytest.raises(TypeError, match="must be tensors and plain objects"):
        parcels.send({"function": lambda: None}, 1, None)
