"""Time series with their related data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array

MAX_STEPS = 10_000
MAX_SERIES = 1_000
MAX_CELLS = 1_000_000
"""Values of one item: its time steps times its series."""


@dataclass(frozen=True)
class Names:
    """Names of the columns in the results."""

    target: str
    related: tuple[str, ...] = ()
    static: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeriesItem:
    """`target` may be shorter than `timestamps`: the other timestamps are in the future, where `related`, (series, steps), is
    known.

    Missing numbers are NaN. `static`: numbers or texts.
    """

    item_id: Any
    timestamps: tuple[Any, ...]
    target: Array
    related: Array
    static: tuple[Any, ...] = ()

    @property
    def steps(self) -> int:
        return len(self.timestamps)


def check_item(item: SeriesItem) -> None:
    """Raises CustomerError if the item is empty, too large or its parts don't fit together."""
    series, steps = len(item.related), item.steps
    if not steps or not len(item.target):
        raise CustomerError(f"The time series of item '{item.item_id}' has no values")
    if steps > MAX_STEPS or series > MAX_SERIES or (series + 1) * steps > MAX_CELLS:
        raise CustomerError(
            f"Item '{item.item_id}' has {steps} time steps and {series} related series; at most {MAX_STEPS} steps, {MAX_SERIES} "
            f"series and {MAX_CELLS} values in all can be explained"
        )
    if len(item.target) > steps or item.related.shape[1:] not in ((steps,), (0,)):
        raise CustomerError(
            f"Item '{item.item_id}' has {steps} timestamps, {len(item.target)} target values and related series of "
            f"{item.related.shape[1]} values"
        )
