"""Two hosts that learn together, each a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from sagewright.algorithms.deep.training.together import Together

PROGRAM = """
import json, sys
import torch
from pathlib import Path
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.together import together
from sagewright.algorithms.job import Job
rank, name = int(sys.argv[1]), sys.argv[2]
hosts = ("127.0.0.1", "127.0.0.2")
job = Job(Path("/nowhere"), name, {}, {}, hosts[rank], hosts, None)
weight, frozen = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1), requires_grad=False)
unused = torch.nn.Parameter(torch.zeros(3))
with together(job, Device(torch.device("cpu"))) as hosts:
    weight.grad = torch.tensor([1.0, 2.0]) * (rank + 1)
    stops = [hosts.average([weight, frozen, unused], rank == 1), hosts.average([weight], False)]
    counted = torch.tensor([2.0 * rank])
    hosts.mean([counted, torch.tensor([rank])])
    print("SAID", json.dumps([
        stops, weight.grad.tolist(), unused.grad.tolist(), hosts.total([1, rank]), hosts.most(rank * 5),
        hosts.from_first({"a": rank}), counted.tolist(), hosts.rank, hosts.size,
    ]))
"""


def test_two_hosts_agree(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(rank), tmp_path.parent.name], stdout=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    said = [json.loads(next(line for line in each.splitlines() if line.startswith("SAID"))[5:]) for each in outputs]
    common = [[True, False], [1.5, 3.0], [0, 0, 0], [2, 1], 5, {"a": 0}, [1.0]]
    assert said == [[*common, 0, 2], [*common, 1, 2]]


def test_one_host_has_nobody_to_ask() -> None:
    alone, weight = Together(), torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)
    assert alone.average([weight], True)
    assert not alone.average([weight], False)
    assert (alone.total([3]), alone.most(4), alone.from_first("a"), weight.grad.tolist()) == ([3.0], 4, "a", [1.0])
