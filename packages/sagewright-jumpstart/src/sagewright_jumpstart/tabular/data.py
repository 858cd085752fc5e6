"""The channels of tabular models: CSV without a header, the target first; `categorical_index.json` names columns of categories."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.tabular.columns import Columns

CATEGORIES = "categorical_index.json"
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Table:
    """`features`: encoded numbers; `target`: class indices, or numbers."""

    features: Any
    target: Any

    def __len__(self) -> int:
        return len(self.target)


def read_tables(job: FineTuningJob, classifies: bool) -> tuple[Columns, Table, Table]:
    """Returns the columns, the rows for training and those for validation. Raises InputError."""
    given = job.hyperparameters
    categorical = _categorical(job.training)
    train = _frame(_csv_files(job.training, "train"), "channel training", categorical)
    held_files = _held_files(job)
    _check_indices(categorical, train.shape[1])
    columns = Columns.learn(train.iloc[:, 1:], [index - 1 for index in categorical])
    data = _table(columns, train, classifies, "channel training")
    if held_files:
        return (
            columns,
            data,
            _table(columns, _frame(held_files, "channel validation", categorical), classifies, "channel validation"),
        )
    held = _drawn(
        data.target if classifies else np.zeros(len(data)), given.number("validation_split_ratio"), given.whole("seed")
    )
    return columns, _rows(data, ~held), _rows(data, held)


def read_request(columns: Columns, text: str, most: int) -> Any:
    """Returns the encoded rows of a request's CSV. Raises InputError."""
    frame = _read(io.StringIO(text), "the request", columns.categories)
    if len(frame) > most:
        raise InputError(f"the request: at most {most} rows, not {len(frame)}")
    return columns.encode(frame, "the request")


def _drawn(groups: Any, share: float, seed: int) -> Any:
    """Returns which rows are held out: a share of each group, but not all of it."""
    generator = np.random.default_rng(seed)
    held = np.zeros(len(groups), bool)
    for group in np.unique(groups):
        rows = generator.permutation(np.flatnonzero(groups == group))
        held[rows[: min(len(rows) - 1, round(len(rows) * share))]] = True
    return held


def _csv_files(folder: Path, inner: str) -> list[Path]:
    """Returns the CSV files of the channel: below `inner` if there is such a folder. Raises InputError if there are none."""
    place = folder / inner if (folder / inner).is_dir() else folder
    found = (
        sorted(path for path in place.iterdir() if path.suffix == ".csv" and path.is_file()) if place.is_dir() else []
    )
    if not found:
        raise InputError(f"channel {folder.name}: it has no CSV file (data.csv, or {inner}/data.csv)")
    return found


def _held_files(job: FineTuningJob) -> list[Path]:
    if job.validation is not None:
        return _csv_files(job.validation, "validation")
    inner = job.training / "validation"
    return _csv_files(inner, "validation") if inner.is_dir() else []


def _frame(files: list[Path], what: str, categorical: Collection[int]) -> pd.DataFrame:
    frames = [_read(file, file.name, categorical) for file in files]
    widths = {frame.shape[1] for frame in frames}
    if len(widths) > 1:
        raise InputError(f"{what}: its files have {sorted(widths)} columns; all need the same number")
    made = pd.concat(frames, ignore_index=True)
    if made.shape[1] < 2:
        raise InputError(f"{what}: the target and at least one feature, not {made.shape[1]} column")
    return made


def _read(source: Any, what: str, categorical: Collection[int]) -> pd.DataFrame:
    """Reads CSV; columns of categories stay texts, so that 1 is the same with and without an empty field in its column."""
    texts = dict.fromkeys(categorical, str)
    try:
        return pd.read_csv(source, header=None, dtype=texts, encoding="utf-8", skipinitialspace=True, low_memory=False)
    except pd.errors.EmptyDataError:
        raise InputError(f"{what}: it has no rows") from None
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{what} is not CSV: {error}") from error


def _table(columns: Columns, frame: pd.DataFrame, classifies: bool, what: str) -> Table:
    target = pd.to_numeric(frame.iloc[:, 0], errors="coerce").to_numpy(np.float64)
    wrong = ~np.isfinite(target)
    if classifies:
        wrong |= (target < 0) | (target >= _MOST_CLASSES) | (target != np.floor(target))
    if wrong.any():
        row = int(np.argmax(wrong))
        kind = f"an integer from 0 to {_MOST_CLASSES - 1}" if classifies else "a number"
        header = "; its files have no header" if _is_header(frame.iloc[row]) else ""
        raise InputError(f"{what}, row {row + 1}: the target is {kind}, not {str(frame.iat[row, 0])[:40]!r}{header}")
    features = columns.encode(frame.iloc[:, 1:], what)
    return Table(features, target.astype(np.int64) if classifies else target)


def _is_header(row: pd.Series[Any]) -> bool:
    """Returns True for a row of different words, none of them a number."""
    return bool(pd.to_numeric(row, errors="coerce").isna().all()) and row.dropna().is_unique and len(row.dropna()) > 1


def _rows(table: Table, rows: Any) -> Table:
    return Table(table.features[rows], table.target[rows])


def _categorical(folder: Path) -> list[int]:
    """Returns the columns of categories, counted with the target. Raises InputError."""
    file = folder / CATEGORIES
    if not file.is_file():
        return []
    try:
        document = json.loads(file.read_bytes())
        found = document.get("cat_index_list", document.get("cat_index"))
        return sorted({int(each) for each in found})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f'{CATEGORIES}: {{"cat_index_list": [1, …]}} is expected: {error}') from error


def _check_indices(categorical: list[int], width: int) -> None:
    """Raises InputError."""
    wrong = [each for each in categorical if not 0 < each < width]
    if wrong:
        raise InputError(f"{CATEGORIES}: indices from 1 to {width - 1}, not {wrong[0]} (0 is the target)")
