"""Requests made of the service models and spoiled: none is answered with a fault of the server, all are answered.

SAGEWRIGHT_TEST_FUZZ_REQUESTS says how many, SAGEWRIGHT_TEST_FUZZ_SEED from where, or SAGEWRIGHT_TEST_SEED, which make sets; a run
is repeated by the seed that it prints.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.security.port.fuzzing.run import PROMPT_S, SETTINGS, Run, furnish

REQUESTS = int(os.environ.get("SAGEWRIGHT_TEST_FUZZ_REQUESTS", "5000"))
CHANCE = os.environ.get("SAGEWRIGHT_TEST_SEED") or random.SystemRandom().randrange(2**32)
SEED = int(os.environ.get("SAGEWRIGHT_TEST_FUZZ_SEED") or CHANCE)
MOST_FAULTS = 50
TOLD = 20_000


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, server_class: Any) -> Iterator[Any]:
    running = server_class(tmp_path_factory.mktemp("fuzzed"), SETTINGS)
    running.start()
    furnish(running)
    yield running
    running.kill_everything()


@pytest.mark.timeout(0 if REQUESTS > 10_000 else 300)
def test_no_request_made_of_the_models_is_a_fault_of_the_server(
    fuzzed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run, begin = Run(fuzzed, SEED), time.monotonic()
    with capsys.disabled():
        print(f"\nSAGEWRIGHT_TEST_FUZZ_SEED={SEED} SAGEWRIGHT_TEST_FUZZ_REQUESTS={REQUESTS}", flush=True)
        while run.sent < REQUESTS and len(run.faults) < MOST_FAULTS:
            run.step()
            if run.sent % TOLD == 0:
                print(f"{run.sent} in {time.monotonic() - begin:.0f} s, {len(run.faults)} faults", flush=True)
        print(f"{run.sent} in {time.monotonic() - begin:.0f} s: {dict(sorted(run.statuses.items()))}", flush=True)
    run.close()
    log = fuzzed.log()
    assert not run.faults, f"of {run.sent} with seed {SEED}:\n" + "\n".join(run.faults) + log[-3000:]
    assert "Traceback" not in log, log[-6000:]
    begin = time.monotonic()
    assert fuzzed.boto("sts").get_caller_identity()["Account"] == "000000000000"
    assert time.monotonic() - begin < PROMPT_S
