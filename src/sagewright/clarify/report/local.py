"""Local explanations that the report draws from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sagewright.clarify.tables import Attributions


@dataclass(frozen=True)
class Picture:
    """A heat map or an annotated picture that the analysis wrote."""

    path: Path
    caption: str


@dataclass(frozen=True)
class LocalValues:
    """`attributions`: of the rows in `rows`, whose columns are the features' values; both None if there are only pictures.

    `labels`: one name per output, () for label0, label1… `notes`: how values without `attributions` were computed, pairs of a
    setting and its value.
    """

    attributions: Attributions | None = None
    rows: pd.DataFrame | None = None
    labels: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
