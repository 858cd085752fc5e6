"""One time series from a record of a channel or of a request, with the checks of its fields.

Source: the contract's algorithms/deepar.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError

LARGEST = 1e30
"""Maximum absolute value, so that results computed from it stay finite."""
FIELDS = ("start", "target", "cat", "dynamic_feat")
MOST_CATEGORIES = 100
MOST_CATEGORY = 10_000_000
MOST_FEATURES = 1000


@dataclass(frozen=True)
class Series:
    """`target` (n,) float32, NaN where missing; `cat`: the categories' numbers; `dynamic_feat` (k, n or more) float32, or None."""

    start: datetime
    target: np.ndarray
    cat: tuple[int, ...] | None = None
    dynamic_feat: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.target)

    @property
    def nbytes(self) -> int:
        features = 0 if self.dynamic_feat is None else self.dynamic_feat.nbytes
        return int(self.target.nbytes) + int(features) + 200


def from_record(record: Any) -> Series:
    """Raises UserError that names the field, but not the record's location. Unknown fields are ignored."""
    if not isinstance(record, Mapping):
        raise UserError("it is not a JSON object")
    for field in ("start", "target"):
        if record.get(field) is None:
            raise UserError(f"it lacks the field '{field}'")
    cat, features = record.get("cat"), record.get("dynamic_feat")
    return Series(
        instant(record["start"]),
        numbers(record["target"], "target", missing=True),
        None if cat is None else categories(cat),
        None if features is None else feature_rows(features),
    )


def instant(given: Any) -> datetime:
    """Parses `YYYY-MM-DD HH:MM:SS`, or a date alone. Raises UserError."""
    try:
        when = given if isinstance(given, datetime) else datetime.fromisoformat(given.strip())
    except (ValueError, AttributeError, TypeError, OverflowError):
        raise UserError(f"its start {shown(given)} is not a time of the form YYYY-MM-DD HH:MM:SS") from None
    if when.tzinfo is not None:
        raise UserError(f"its start {shown(given)} has a time zone, which is not supported")
    return when


def numbers(given: Any, field: str, missing: bool = False) -> np.ndarray:
    """(n,) float32 of a list of numbers; null, NaN and "NaN" become NaN if values can be `missing`. Raises UserError."""
    if not isinstance(given, (list, tuple, np.ndarray)):
        raise UserError(f"its {field} is not a list of numbers: {shown(given)}")
    if not isinstance(given, np.ndarray):
        kinds = set(map(type, given))
        if not kinds <= {int, float, type(None), str}:
            wrong = next(each for each in given if type(each) not in (int, float, type(None), str))
            raise UserError(f"its {field} has {shown(wrong)}, which is not a number")
        if str in kinds and (
            wrong_text := next((each for each in given if isinstance(each, str) and each != "NaN"), None)
        ):
            raise UserError(f'its {field} has {shown(wrong_text)}, which is not a number; only "NaN" may be text')
        try:
            given = np.array(given, dtype=np.float64)
        except OverflowError:
            raise UserError(f"its {field} has a number beyond {LARGEST:g}") from None
    beyond = np.abs(given) > LARGEST
    if beyond.any():
        raise UserError(f"its {field} has a number beyond {LARGEST:g}: {given[beyond][0]}")
    if not missing and np.isnan(given).any():
        raise UserError(
            f"its {field} has a missing value at place {int(np.isnan(given).argmax())}: values may miss in target only"
        )
    return given.astype(np.float32)


def categories(given: Any) -> tuple[int, ...]:
    """Raises UserError unless it is a list of whole numbers from 0, or one such number."""
    items = given if isinstance(given, (list, tuple)) else [given]
    if len(items) > MOST_CATEGORIES:
        raise UserError(f"its cat has {len(items)} categories, and at most {MOST_CATEGORIES} are supported")
    for each in items:
        if isinstance(each, bool) or not isinstance(each, int) or not 0 <= each < MOST_CATEGORY:
            raise UserError(f"its cat has {shown(each)}: categories are whole numbers from 0 to {MOST_CATEGORY - 1}")
    return tuple(items)


def feature_rows(given: Any) -> np.ndarray:
    """(k, n) float32 of lists of numbers, or of one list. Raises UserError."""
    rows: Sequence[Any] = given if isinstance(given, (list, tuple)) else [given]
    if len(rows) and not isinstance(rows[0], (list, tuple, np.ndarray)):
        rows = [rows]
    if len(rows) > MOST_FEATURES:
        raise UserError(f"its dynamic_feat has {len(rows)} lists, and at most {MOST_FEATURES} are supported")
    found = [numbers(row, f"dynamic_feat {number}") for number, row in enumerate(rows)]
    if len({len(row) for row in found}) > 1:
        raise UserError(
            f"its dynamic_feat has lists of different lengths: {', '.join(str(len(row)) for row in found[:5])}"
        )
    return np.stack(found) if found else np.zeros((0, 0), np.float32)


def shown(given: Any) -> str:
    """A value in a message."""
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."


def observations(series: Sequence[Series]) -> int:
    """The number of values that are not missing."""
    return sum(int(len(each) - np.isnan(each.target).sum()) for each in series)
