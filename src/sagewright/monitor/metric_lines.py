"""CloudWatch metrics of a job, as the lines of a file.

Source: the developer guide, "CloudWatch metrics for bring your own containers".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sagewright.monitor.job import MonitorJob

FILE = "output/metrics/cloudwatch/cloudwatch_metrics.jsonl"
ENABLED = "Enabled"
Metric = dict[str, Any]


def is_published(job: MonitorJob) -> bool:
    return job.variables.get("publish_cloudwatch_metrics") == ENABLED


def value(name: str, number: float) -> Metric:
    return {"MetricName": name, "Value": number}


def spread(name: str, samples: float, total: float, low: float, high: float) -> Metric:
    values = {"SampleCount": samples, "Sum": total, "Minimum": low, "Maximum": high}
    return {"MetricName": name, "StatisticValues": values}


def write(job: MonitorJob, metrics: Iterable[Metric]) -> None:
    """Writes metrics with the dimensions Endpoint and MonitoringSchedule, at the time of the window."""
    names: Mapping[str, str] = {
        "Endpoint": "sagemaker_endpoint_name",
        "MonitoringSchedule": "sagemaker_monitoring_schedule_name",
    }
    dimensions = [
        {"Name": name, "Value": job.variables[variable]}
        for name, variable in names.items()
        if job.variables.get(variable)
    ]
    moment = job.variables.get("metric_time") or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    path = job.root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        for metric in metrics:
            stream.write(json.dumps({**metric, "Timestamp": moment, "Dimensions": dimensions}) + "\n")
