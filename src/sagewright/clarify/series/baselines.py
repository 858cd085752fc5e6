"""Values that replace absent ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.series.items import SeriesItem
from sagewright.clarify.tables import Array

ZERO, MEAN = "zero", "mean"


@dataclass(frozen=True)
class SeriesBaseline:
    """`target`, `related`: ZERO or MEAN of each series; `static`: a list for each item, by the text of its id."""

    target: str = ZERO
    related: str = ZERO
    static: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: Any) -> SeriesBaseline:
        """From the configuration's `baseline`, None for the defaults. Raises CustomerError."""
        if document is None:
            return cls()
        if not isinstance(document, Mapping):
            raise CustomerError("The baseline of asymmetric_shapley_value must be an object")
        modes = [str(document.get(name, ZERO)).lower() for name in ("target_time_series", "related_time_series")]
        for name, mode in zip(("target_time_series", "related_time_series"), modes, strict=True):
            if mode not in (ZERO, MEAN):
                raise CustomerError(f"The baseline of {name} must be {ZERO} or {MEAN}, not '{mode[:100]}'")
        static = document.get("static_covariates") or {}
        if not isinstance(static, Mapping) or not all(isinstance(one, list) for one in static.values()):
            raise CustomerError("The baseline of static_covariates must be a list for each item id")
        return cls(modes[0], modes[1], {str(key): tuple(values) for key, values in static.items()})

    def absent(self, item: SeriesItem) -> SeriesItem:
        """The item with only its ids and timestamps. Raises CustomerError."""
        static: tuple[Any, ...] = ()
        if item.static:
            if str(item.item_id) not in self.static:
                raise CustomerError(f"The baseline of static_covariates has no list for item '{item.item_id}'")
            static = self.static[str(item.item_id)]
            if len(static) != len(item.static):
                raise CustomerError(
                    f"The baseline of static_covariates has {len(static)} values for item '{item.item_id}', which has "
                    f"{len(item.static)}"
                )
        related = np.array([_level(row, self.related) for row in item.related]).reshape(item.related.shape)
        return SeriesItem(item.item_id, item.timestamps, _level(item.target, self.target), related, static)


def _level(numbers: Array, mode: str) -> Array:
    known = numbers[~np.isnan(numbers)]
    return np.full(len(numbers), float(known.mean()) if mode == MEAN and len(known) else 0.0)
