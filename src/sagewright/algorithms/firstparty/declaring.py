"""The common parts of the declarations of first-party algorithms. Standard library only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.domains import Choice, Either, Flag, Integer, Text
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter
from sagewright.algorithms.schema.metrics import Direction, Metric

CSV, PROTOBUF = "text/csv", "application/x-recordio-protobuf"
Kind = Literal["loss", "score"]

COMMON = (
    Hyperparameter("_kvstore", Text(), needs=(NEVER,), note="accepted; hosts add up over their own connection"),
    Hyperparameter("_log_level", Choice(("debug", "info", "warn", "error")), needs=(NEVER,), note="accepted"),
    Hyperparameter("_num_gpus", Either(("auto",), Integer("[0, +inf)")), needs=(NEVER,), note="accepted"),
    Hyperparameter("_num_kv_servers", Either(("auto",), Integer("[1, +inf)")), needs=(NEVER,), note="accepted"),
    Hyperparameter("_num_slices", Integer("[1, +inf)"), needs=(NEVER,), note="accepted"),
    Hyperparameter("_data_format", Text(), needs=(NEVER,), note="accepted; the channel's content type decides"),
    Hyperparameter("_enable_profiler", Flag(), needs=(NEVER,), note="accepted"),
    Hyperparameter("_disable_wait_to_read", Flag(), needs=(NEVER,), note="accepted"),
    Hyperparameter("_tuning_objective_metric", Text(), note="the metric that a tuning job optimises"),
    Hyperparameter("_seed", Integer("[0, 4294967295]"), default="0", note="of everything random; not AWS's"),
    Hyperparameter(
        "force_dense",
        Flag(),
        needs=(NEVER,),
        sent=("true",),
        note="sent by the SDK's `record_set`; rows are read as the algorithm needs them",
    ),
)
"""Accepted by every first-party algorithm."""


def channel(name: str, *, required: bool = False, media: tuple[str, ...] = (PROTOBUF, CSV), note: str = "") -> Channel:
    """A channel of numeric rows, in every input mode."""
    short = {CSV: "csv", PROTOBUF: "recordio-protobuf"}
    accepted = (*media, *(short[each] for each in media if each in short))
    return Channel(name, accepted, required, ("File", "FastFile", "Pipe"), note)


def quality(part: str, name: str, direction: Direction, kind: Kind, *, shown: str = "", epoch: bool = False) -> Metric:
    """`part:name`, read from a `#quality_metric` line; `shown` is a regex for lines with another name."""
    when = r"epoch=\S+, " if epoch else ""
    regex = rf"#quality_metric: host=\S+, {when}{part} {shown or re.escape(name)} <{kind}>=(\S+)"
    return Metric(f"{part}:{name}", direction, regex)


BASELINE = replace(quality("train", "baseline_ratio", "Minimize", "loss"), objective=False)
"""The model's loss on held-out rows, divided by that of a constant model. Above 1 the model is worse than the
constant."""
CLASSIFIER: tuple[tuple[str, Direction, Kind], ...] = (
    ("binary_classification_accuracy", "Maximize", "score"),
    ("binary_classification_cross_entropy", "Minimize", "loss"),
)
"""Metrics that are logged for a binary classifier during training."""
PROGRESS = (
    Metric("train:progress", "Maximize", r"#progress_metric: host=\S+, completed (\S+) %", objective=False),
    Metric(
        "train:throughput",
        "Maximize",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
        objective=False,
    ),
)
"""Metrics of every first-party algorithm that logs its epochs."""
