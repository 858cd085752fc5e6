"""Runs in SDK v2's environment under `sagewright exec`: python fit_sdk2.py COUNT; seconds of each .fit() as JSON."""

import json
import sys
import time
from pathlib import Path

from sagemaker.sklearn import SKLearn

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def main(count: int) -> None:
    estimator = SKLearn(
        entry_point="noop.py",
        source_dir=str(Path(__file__).parent / "noop"),
        role=ROLE,
        instance_type="ml.m5.large",
        instance_count=1,
        framework_version="1.2-1",
    )
    seconds = []
    for _ in range(count + 1):
        begin = time.perf_counter()
        estimator.fit()
        seconds.append(time.perf_counter() - begin)
    print("\n" + json.dumps(seconds[1:]))  # the first one warms the environment


if __name__ == "__main__":
    main(int(sys.argv[1]))
