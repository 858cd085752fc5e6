"""The log lines of a first-party algorithm that clients and metric definitions read.

Source: the contract's algorithms/_common.md, sections 3 and 4.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.firstparty.declaring import Kind
from sagewright.algorithms.job import Job
from sagewright.algorithms.native.hardware import gpu_count
from sagewright.algorithms.schema.declaration import Declaration

CONFIGURATION = "/opt/ml/input/config/hyperparameters.json"


class Lines:
    """Writes the log of one host of one job. `algorithm` is the name in `#metrics` lines (`AWS/KMeansWebscale`)."""

    def __init__(self, algorithm: str, host: str) -> None:
        self.algorithm, self.host, self._began = algorithm, host, time.time()

    def configuration(self, declaration: Declaration, job: Job) -> None:
        """Logs the given configuration and the resulting one."""
        given = dict(job.hyperparameters)
        default = {each.name: each.default for each in declaration.hyperparameters if each.default is not None}
        logging.info("Reading default configuration of %s: %s", declaration.name, default)
        logging.info("Merging with provided configuration from %s: %s", CONFIGURATION, given)
        logging.info("Final configuration: %s", {**default, **given})
        logging.info("Using default worker.")
        logging.info("Number of GPUs being used: %d", gpu_count())

    def quality(
        self, part: str, values: Mapping[str, float], kind: Kind, *, epoch: int | None = None, batch: int | None = None
    ) -> None:
        """Writes one `#quality_metric` line for each value; lines of a batch have no comma before the part."""
        where = "" if epoch is None else f"epoch={epoch}, "
        if batch is not None:
            where += f"batch={batch} "
        for name, value in values.items():
            logging.info("#quality_metric: host=%s, %s%s %s <%s>=%r", self.host, where, part, name, kind, float(value))

    def test_score(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            logging.info("#test_score (%s) : (%r, %r)", self.host, name, float(value))

    def progress(self, done: int, total: int) -> None:
        logging.info("#progress_metric: host=%s, completed %s %% of epochs", self.host, f"{100 * done / total:.6g}")

    def throughput(self, records: int, seconds: float) -> None:
        rate = records / max(seconds, 1e-9)
        logging.info("#throughput_metric: host=%s, train throughput=%r records/second", self.host, rate)

    def metrics(self, values: Mapping[str, float], operation: str = "training", **dimensions: Any) -> None:
        """Writes one `#metrics` line: each value as a sum over one event, since the previous such line."""
        began, self._began = self._began, time.time()
        shown = {
            name: {"sum": float(value), "count": 1, "min": float(value), "max": float(value)}
            for name, value in sorted(values.items())
        }
        document = {
            "StartTime": began,
            "EndTime": self._began,
            "Dimensions": {"Algorithm": self.algorithm, "Host": self.host, "Operation": operation, **dimensions},
            "Metrics": shown,
        }
        print(f"#metrics {json.dumps(document)}", flush=True)
