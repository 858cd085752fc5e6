"""Converts the channels to XGBoost's matrices."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import reader
from sagewright.algorithms.formats.table import Layout, Sparse, Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.schema.channels import ChannelInput
from sagewright.algorithms.xgboost import checks
from sagewright.algorithms.xgboost.library import xgb


def read_channel(job: Job, name: str, values: Mapping[str, Any]) -> Table | None:
    """Returns all rows of a channel, None when it holds none. Raises UserError in the container's words."""
    channel = job.channels[name]
    format_ = channel.content_type.format
    if format_ is None:
        raise UserError(f"Channel {name} can't be read as {channel.content_type.media}.")
    check_label_size(channel)
    if format_ == "libsvm" and channel.mode == "Pipe":
        raise UserError("Pipe mode not supported for LibSVM.")
    paths = job.channel_files(name)
    logging.info("files path: %s", job.channel_path(name))
    try:
        table = reader.read(paths, format_, Layout(weight_column=values.get("csv_weights") == 1))
    except UserError as error:
        raise UserError(f"Failed to load {format_} data with exception:\n{error}") from error
    if table is not None:
        _check(table, name, paths)
        checks.check(table, name, values)
    return table


def check_label_size(channel: ChannelInput) -> None:
    """Raises UserError unless CSV has exactly one label column."""
    if channel.content_type.format == "csv" and channel.content_type.label_size(default=1) != 1:
        text = f"{channel.content_type.media};label_size={channel.content_type.parameters['label_size']}"
        raise UserError(f"{text} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1")


def _check(table: Table, name: str, paths: list[Path]) -> None:
    where = paths[0].parent
    if table.labels is None or table.labels.ndim > 1:
        raise UserError(f"The records of channel {name} in {where} must have one label each.")
    if table.columns == 0:
        raise UserError(f"The rows of channel {name} in {where} have no features.")
    if not np.isfinite(table.labels).all():
        row = int(np.flatnonzero(~np.isfinite(table.labels))[0])
        raise UserError(f"Label contains NaN, infinity or a value too large. (channel {name}, row {row})")


def widen(table: Table, columns: int) -> Table:
    """Returns the same rows with at least this many columns, if they are sparse: trailing empty columns leave no trace in text."""
    if not isinstance(table.features, Sparse) or table.columns >= columns:
        return table
    features = Sparse(table.features.indptr, table.features.indices, table.features.values, columns)
    return Table(features, table.labels, table.weights, table.groups)


def matrix(table: Table, objective: str, threads: int | None = None) -> Any:
    """Returns a DMatrix of the rows; values that a sparse row doesn't store are missing."""
    bounds = {}
    if objective == "survival:aft":  # rows of one label are observed, not censored
        bounds = {"label_lower_bound": table.labels, "label_upper_bound": table.labels}
    return xgb.DMatrix(
        to_xgboost(table.features), table.labels, weight=table.weights, qid=table.groups, nthread=threads, **bounds
    )


def to_xgboost(features: np.ndarray | Sparse) -> Any:
    """Returns features in a form that XGBoost accepts: an array, or SciPy's CSR matrix."""
    if not isinstance(features, Sparse):
        return features
    from scipy.sparse import csr_matrix

    return csr_matrix((features.values, features.indices, features.indptr), features.shape)
