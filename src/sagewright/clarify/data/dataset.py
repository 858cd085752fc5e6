"""The table of an analysis, and the roles of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sagewright.clarify.configuration.analysis import AnalysisConfig, Column
from sagewright.clarify.data.files import download, files_below
from sagewright.clarify.data.jsonfiles import RecordExpressions, read_json, read_json_lines
from sagewright.clarify.data.tabular import read_csv, read_parquet
from sagewright.clarify.errors import CustomerError


@dataclass(frozen=True)
class Dataset:
    """`table` has all columns; `features` are those that the model receives, in order.

    `label`, `predicted_label` and `joinsource` are names of columns, "" if the data have none.
    """

    table: pd.DataFrame
    features: tuple[str, ...]
    label: str = ""
    predicted_label: str = ""
    joinsource: str = ""

    def column(self, name_or_index: Column, purpose: str) -> str:
        """Returns a column's name. Raises CustomerError."""
        return resolve(self.table, name_or_index, purpose)

    @property
    def inputs(self) -> pd.DataFrame:
        """The columns that the model receives."""
        return self.table[list(self.features)]


def resolve(table: pd.DataFrame, name_or_index: Column, purpose: str) -> str:
    """Returns the name of a column that is given by name or index. Raises CustomerError."""
    columns = list(table.columns)
    if isinstance(name_or_index, int):
        if not -len(columns) <= name_or_index < len(columns):
            raise CustomerError(
                f"{purpose}: there is no column {name_or_index}; the data set has {len(columns)} columns."
            )
        return str(columns[name_or_index])
    if name_or_index not in columns:
        if name_or_index.isdecimal() and int(name_or_index) < len(columns):
            return str(columns[int(name_or_index)])
        raise CustomerError(f"{purpose}: there is no column '{name_or_index}'. Columns: {', '.join(columns[:50])}.")
    return name_or_index


def find(config: AnalysisConfig, folder: Path, own: Path | None = None) -> list[Path]:
    """Returns the files in `folder`, or of `dataset_uri` if the job has no such input. `own`: a file that is none of them, even
    where the job's inputs are within each other: the configuration. Raises CustomerError."""
    paths = [path for path in files_below(folder) if path != own]
    if not paths and config.dataset_uri:
        paths = download(config.dataset_uri)
    if not paths:
        raise CustomerError("The input 'dataset' has no files, and 'dataset_uri' is not configured.")
    return paths


def load(config: AnalysisConfig, paths: Sequence[Path]) -> Dataset:
    """Reads files as a table with roles. Raises CustomerError."""
    expressions = _expressions(config)
    table = _read(config, paths, expressions)
    label, predicted = _labels(config, table, expressions)
    join = "" if config.joinsource is None else resolve(table, config.joinsource, "joinsource_name_or_index")
    own = list(table.columns)
    table, added = _with_predictions(config, table, join)
    predicted = predicted or added
    table = _with_facets(config, table, join)
    excluded = {resolve(table, column, "excluded_columns") for column in config.excluded}
    features = [name for name in own if name not in {label, predicted, join, *excluded}]
    if not features:
        raise CustomerError("Data must contain features. All columns are labels or excluded.")
    return Dataset(table, tuple(features), label, predicted, join)


def _read(config: AnalysisConfig, paths: Sequence[Path], expressions: RecordExpressions) -> pd.DataFrame:
    if config.dataset_type == "text/csv":
        return read_csv(paths, config.headers)
    if config.dataset_type == "application/x-parquet":
        return read_parquet(paths, config.headers)
    if config.dataset_type == "application/jsonlines":
        return read_json_lines(paths, config.headers, expressions)
    if config.dataset_type == "application/json":
        return read_json(paths, config.headers, expressions)
    raise CustomerError(f"Data of type {config.dataset_type} are not tables.")


def _expressions(config: AnalysisConfig) -> RecordExpressions:
    if not config.dataset_type.endswith(("jsonlines", "/json")):
        return RecordExpressions("")
    return RecordExpressions(config.features, _text(config.label), _text(config.predicted_label))


def _text(column: Any) -> str:
    return "" if column is None else str(column)


def _labels(config: AnalysisConfig, table: pd.DataFrame, expressions: RecordExpressions) -> tuple[str, str]:
    """Returns the names of the columns with the labels and the predicted labels, "" for columns that the data set itself lacks."""
    if expressions.features:  # JSON: labels are the last columns
        names = list(table.columns)
        predicted = names.pop() if expressions.predicted_label else ""
        return (names.pop() if expressions.label else ""), predicted
    label = ""
    if config.label is not None:
        try:
            label = resolve(table, config.label, "label")
        except CustomerError as error:
            raise CustomerError(f"Headers must contain label. {error}") from None
    own = config.predicted_label is not None and "predicted_label_dataset_uri" not in config.document
    return label, resolve(table, config.predicted_label, "predicted_label") if own else ""  # type: ignore[arg-type]


def _with_predictions(config: AnalysisConfig, table: pd.DataFrame, join: str) -> tuple[pd.DataFrame, str]:
    uri = config.document.get("predicted_label_dataset_uri")
    if not uri:
        return table, ""
    predictions = read_csv(download(uri), config.document.get("predicted_label_headers") or ())
    others = [name for name in predictions.columns if name != join]
    wanted = config.predicted_label if config.predicted_label is not None else others[0] if len(others) == 1 else None
    if wanted is None:
        raise CustomerError(f"'predicted_label' must choose one of the columns {', '.join(others[:50])}.")
    name = resolve(predictions, wanted, "predicted_label")
    kept = name if name not in table.columns else f"{name}_predicted"
    predictions = predictions[[join, name] if join and join in predictions else [name]].rename(columns={name: kept})
    return _joined(table, predictions, join, "predicted_label_dataset_uri"), kept


def _with_facets(config: AnalysisConfig, table: pd.DataFrame, join: str) -> pd.DataFrame:
    uri = config.document.get("facet_dataset_uri")
    if not uri:
        return table
    facets = read_csv(download(uri), config.document.get("facet_headers") or ())
    fresh = [name for name in facets.columns if name == join or name not in table.columns]
    return _joined(table, facets[fresh], join, "facet_dataset_uri")


def _joined(table: pd.DataFrame, other: pd.DataFrame, join: str, purpose: str) -> pd.DataFrame:
    """Joins by the joinsource column (inner), or by position if the row counts are equal."""
    if join:
        if join not in other.columns:
            raise CustomerError(f"{purpose}: the data set has no column '{join}' (joinsource_name_or_index).")
        if other[join].duplicated().any():
            raise CustomerError(f"{purpose}: the column '{join}' has a value more than once.")
        joined = table.merge(other, how="inner", on=join)
        if joined.empty:
            raise CustomerError(f"{purpose}: no row has a '{join}' that the data set has too.")
        return joined
    if len(table) != len(other):
        raise CustomerError(
            f"{purpose}: {len(other)} rows, but the data set has {len(table)}; join them by 'joinsource_name_or_index'."
        )
    return pd.concat([table, other.reset_index(drop=True)], axis=1)
