"""A chain of tasks that do nothing, on Prefect with SQLite: seconds a run, as JSON. `prefect_chain.py STEPS RUNS`."""

import json
import sys
import time

from prefect import flow, task


@task
def nothing(before: int) -> int:
    return before + 1


@flow
def chain(steps: int) -> int:
    done = 0
    for _ in range(steps):
        done = nothing(done)
    return done


steps, runs = int(sys.argv[1]), int(sys.argv[2])
chain(2)
took = []
for _ in range(runs):
    begin = time.perf_counter()
    assert chain(steps) == steps
    took.append(time.perf_counter() - begin)
print(json.dumps(took))
