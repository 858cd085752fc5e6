"""The tables of others' models in bench/tuning/grids, made by grids.py: one half for choosing settings, one to report."""

from __future__ import annotations

from pathlib import Path

from recordings import Recording

PLACE = Path(__file__).parent / "grids"
CHOSE = {
    "forest-churn", "extra-ames", "tree-credit", "xgboost-attrition", "xgboost-cells", "lightgbm-concrete", "lightgbm-credit",
    "gentle-concrete", "near-digits", "vectors-diabetes", "ridges-concrete",
}  # fmt: skip
"""The tables that may be looked at while the searchers change."""


def every(seen: bool, exact: bool = False) -> list[Recording]:
    """The tables of one half; `exact` ones return the mean of a configuration's splits instead of one of them."""
    paths = [path for path in sorted(PLACE.glob("*.json.gz")) if (path.name.split(".")[0] in CHOSE) == seen]
    return [Recording(path, exact) for path in paths]
