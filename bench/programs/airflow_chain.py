"""A chain of tasks that do nothing, on Airflow with SQLite: seconds a run, as JSON. `airflow_chain.py STEPS RUNS`.

`DAG.test` runs the tasks one after another in this process and keeps the state of each in Airflow's database: no scheduler,
executor or worker process takes part, so a deployment pays more. Airflow reads this file a second time, as one of its DAGs.
"""

import json
import sys
import time

from airflow.sdk import dag, task

steps, runs = int(sys.argv[1]), int(sys.argv[2])


@task
def nothing(before: int) -> int:
    return before + 1


@dag(dag_id="chain")
def chain():
    done = 0
    for number in range(steps):
        done = nothing.override(task_id=f"nothing_{number}")(done)


made = chain()
if __name__ == "__main__":
    took = []
    for _ in range(runs + 1):  # the first also writes the DAG
        begin = time.perf_counter()
        assert made.test().state == "success"
        took.append(time.perf_counter() - begin)
    print(json.dumps(took[1:]))
