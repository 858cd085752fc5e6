"""p50 of Describe through boto3, over the client's own cost: the same call against a server that has the answer ready."""

from __future__ import annotations

import time
from typing import Any

import load
import peers
from rows import Row, against, median, percentile, spread
from server import Sagewright, client, cores, job_request, pinned, running, scratch
from throughput import CANNOT_RUN

SECTION = "d"
ROUNDS = 5
CALLS = 100
NAME = "described"


def measure() -> list[Row]:
    core = cores()[-1]
    with scratch() as directory, running(Sagewright(directory / "data", core)) as server:
        assert isinstance(server, Sagewright)
        signer = load.Signer(server.port, server.key())
        load.ask(server.port, signer.request("CreateTrainingJob", job_request(NAME, CANNOT_RUN)))
        time.sleep(1)
        _, answer = load.ask(server.port, signer.request("DescribeTrainingJob", {"TrainingJobName": NAME}))
        body = answer.partition(b"\r\n\r\n")[2]
        with (
            running(peers.canned(directory / "canned.log", answer, core)) as canned,
            running(peers.constant(directory / "constant.log", body, core)) as constant,
        ):
            asked = {"ours": server, "canned": canned, "constant": constant}
            clients = {name: client(one.endpoint, server.key()) for name, one in asked.items()}
            if len({str(_answer(one)) for one in clients.values()}) > 1:
                raise RuntimeError("the canned answer is not what the server answers")
            with pinned(cores()[0]):
                times = _alternate(clients)
        moto_name, moto = _moto(directory, core)
    own = Row(
        SECTION,
        "Describe through boto3, p50",
        percentile(times["ours"], 50),
        "ms",
        "the client's own cost (a canned answer)",
        percentile(times["canned"], 50),
        "boto3 itself; then HTTP, signature and the building of the answer",
        spread(times["ours"], "ms"),
    )
    constant_ms = percentile(times["constant"], 50)
    return [
        own,
        against(own, "uvicorn, a constant answer, nothing checked: Python's floor", constant_ms),
        against(own, moto_name, moto),
    ]


def _alternate(clients: dict[str, Any]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in clients}
    for turn in range(ROUNDS + 1):
        for name, one in clients.items():
            taken = [describe_ms(one) for _ in range(CALLS)]
            times[name] += taken if turn else []
    return times


def _answer(one: Any) -> dict[str, Any]:
    found: dict[str, Any] = one.describe_training_job(TrainingJobName=NAME)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def describe_ms(one: Any, name: str = NAME) -> float:
    """Returns the time of one Describe."""
    begin = time.perf_counter()
    one.describe_training_job(TrainingJobName=name)
    return 1000 * (time.perf_counter() - begin)


def _moto(directory: Any, core: int) -> tuple[str, float | None]:
    try:
        with running(peers.moto(directory / "moto.log", core)) as moto:
            one = client(moto.endpoint, peers.KEY)
            one.create_training_job(**job_request(NAME, CANNOT_RUN))
            with pinned(cores()[0]):
                return "moto_server", median([describe_ms(one) for _ in range(2 * CALLS)])
    except peers.NoPeer as error:
        return str(error), None
