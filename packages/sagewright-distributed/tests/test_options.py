"""A job's mp_parameters: valid ones are read, impossible ones refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smdistributed.modelparallel.torch.options import NotGiven, Options


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SM_HP_MP_PARAMETERS", raising=False)


def test_without_any_there_is_one_of_everything() -> None:
    read = Options.read()
    assert (read.pipeline, read.tensor, read.sharded, read.microbatches, read.order) == (1, 1, 0, 1, "DPT")


def test_the_script_is_above_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_HP_MP_PARAMETERS", json.dumps({"partitions": 2, "microbatches": "4", "ddp": True}))
    read = Options.read({"microbatches": 8})
    assert (read.pipeline, read.microbatches) == (2, 8)
    assert read.given == {"partitions": 2, "microbatches": 8, "ddp": True}


@pytest.mark.parametrize(("named", "order"), [("cluster", "DPT"), ("spread", "TPD"), ("PTD", "PTD")])
def test_placements_have_names(named: str, order: str) -> None:
    assert Options.read({"placement_strategy": named}).order == order


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"microbatches": 0}, "microbatches=0: less than 1."),
        ({"tensor_parallel_degree": "two"}, "tensor_parallel_degree='two': not a whole number."),
        ({"placement_strategy": "DPP"}, "placement_strategy='DPP'"),
        ({"partitions": 2, "default_partition": 2}, "default_partition=2: there are 2 partitions."),
        ({"partitions": 2, "sharded_data_parallel_degree": 2}, "either divided by layers or sharded"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="^" + told.split("=", 1)[0] if "=" in told else told) as raised:
        Options.read(config)
    assert told in str(raised.value)


def test_half_precision_is_refused() -> None:
    with pytest.raises(NotGiven, match="fp16"):
        Options.read({"fp16": "True"})


@pytest.mark.parametrize(
    ("config", "processes", "fits"),
    [
        ({"partitions": 2, "tensor_parallel_degree": 2}, 8, True),
        ({"partitions": 2, "tensor_parallel_degree": 2}, 6, False),
        ({"sharded_data_parallel_degree": 4}, 8, True),
        ({"sharded_data_parallel_degree": 3}, 8, False),
        ({"sharded_data_parallel_degree": 2, "tensor_parallel_degree": 4}, 8, False),
    ],
)
def test_degrees_divide_the_processes(config: dict[str, Any], processes: int, fits: bool) -> None:
    read = Options.read(config)
    if fits:
        read.over(processes)
    else:
        with pytest.raises(ValueError, match="degree"):
            read.over(processes)
