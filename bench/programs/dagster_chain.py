"""A chain of ops that do nothing, on Dagster with SQLite: seconds a run, as JSON. `dagster_chain.py STEPS RUNS HOME`."""

import json
import sys
import time

from dagster import DagsterInstance, job, op


@op
def begin(_context) -> int:
    return 0


@op
def nothing(_context, before: int) -> int:
    return before + 1


steps, runs, home = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


@job
def chain():
    done = begin()
    for number in range(steps - 1):
        done = nothing.alias(f"nothing_{number}")(done)


instance = DagsterInstance.local_temp(home)
chain.execute_in_process(instance=instance)
took = []
for _ in range(runs):
    start = time.perf_counter()
    assert chain.execute_in_process(instance=instance).success
    took.append(time.perf_counter() - start)
print(json.dumps(took))
