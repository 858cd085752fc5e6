"""kill -9 of the server while tuning jobs run: they go on with the same plan, and no training job is lost or made twice."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

from tests.tuning import Tuners

if TYPE_CHECKING:
    from conftest import RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2"))
JOBS = 8


def test_tuning_jobs_go_on_after_kills(own_server: RunningServer) -> None:
    own_server.start()
    tuners = Tuners(own_server)
    tuners.run("whole", jobs=JOBS, parallel=4)
    names = {"random": "Random", "bayes": "Bayesian"}
    for name, strategy in names.items():
        tuners.create(name, strategy=strategy, jobs=JOBS, parallel=2, static={"pause": "0.2"})
    choose = random.Random(16)
    for _ in range(KILLS):
        time.sleep(choose.uniform(0.2, 1.2))
        own_server.end(signal.SIGKILL)
        own_server.start()
    tuners = Tuners(own_server)
    for name in names:
        described = tuners.wait(name)
        assert described["HyperParameterTuningJobStatus"] == "Completed"
        children = tuners.children(name)
        assert [one["TrainingJobName"].split("-")[1] for one in children] == [f"{n:03d}" for n in range(1, JOBS + 1)]
        assert {one["ObjectiveStatus"] for one in children} == {"Succeeded"}
        pages = tuners.sagemaker.get_paginator("list_training_jobs").paginate(NameContains=f"{name}-")
        assert sum(len(page["TrainingJobSummaries"]) for page in pages) == JOBS
    tried = [[one["TunedHyperParameters"] for one in tuners.children(name)] for name in ("whole", "random")]
    assert tried[0] == tried[1]
