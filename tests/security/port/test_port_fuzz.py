"""Requests made of the service models and spoiled: none is answered with a fault of the server, all are answered.

SAGEWRIGHT_FUZZ_REQUESTS says how many, SAGEWRIGHT_FUZZ_SEED from where; a run is repeated by the seed that it prints.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.security.port.fuzzing import requests
from tests.security.port.fuzzing.client import Answer, Client, NoAnswer, Request

REQUESTS = int(os.environ.get("SAGEWRIGHT_FUZZ_REQUESTS", "5000"))
SEED = int(os.environ.get("SAGEWRIGHT_FUZZ_SEED", str(random.SystemRandom().randrange(2**32))))
PROMPT_S = 5.0
"""Longer than any answer takes on a machine that has other things to do."""

MOST_SHOWN = 20


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, server_class: Any) -> Iterator[Any]:
    running = server_class(tmp_path_factory.mktemp("fuzzed"), {"SAGEWRIGHT_CAPACITY_CPUS": "1"})
    running.start()
    s3 = running.boto("s3")
    for bucket in requests.values.BUCKETS[:2]:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a", Body=b"abc")
    yield running
    running.kill_everything()


def fault(request: Request, answer: Answer, took_s: float) -> str | None:
    """What is wrong with an answer, if anything."""
    if answer.status >= 500 and not (answer.status == 503 and "retry-after" in answer.headers):
        return f"{answer.status} {answer.body[:200]!r}"
    if took_s > PROMPT_S:
        return f"{took_s:.1f} s"
    return None


def told(number: int, target: Any, request: Request, what: str) -> str:
    return f"#{number} {target}: {what}\n    {request.wire()[:600]!r}"


def test_no_request_made_of_the_models_is_a_fault_of_the_server(
    fuzzed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nSAGEWRIGHT_FUZZ_SEED={SEED} SAGEWRIGHT_FUZZ_REQUESTS={REQUESTS}", flush=True)  # noqa: T201
    rng, key = random.Random(SEED), fuzzed.key()
    place = urlsplit(fuzzed.endpoint)
    client = Client(place.hostname or "", place.port or 0)
    faults: list[str] = []
    statuses: Counter[int] = Counter()
    for number in range(REQUESTS):
        target, request = requests.request(rng, key)
        begin = time.monotonic()
        try:
            answer = client.ask(request.wire(), head=request.method == b"HEAD")
        except NoAnswer as error:
            faults.append(told(number, target, request, f"no answer: {error}"))
            continue
        statuses[answer.status] += 1
        if what := fault(request, answer, time.monotonic() - begin):
            faults.append(told(number, target, request, what))
        if len(faults) > 200:
            break
    client.close()
    with capsys.disabled():
        print(dict(sorted(statuses.items())), flush=True)  # noqa: T201
    log = fuzzed.log()
    assert not faults, f"{len(faults)} of {REQUESTS} with seed {SEED}:\n" + "\n".join(faults[:MOST_SHOWN]) + log[-3000:]
    assert "Traceback" not in log, log[-6000:]
    assert fuzzed.boto("sts").get_caller_identity()["Account"] == "000000000000"
    assert Path(fuzzed.data, "endpoint").exists()
