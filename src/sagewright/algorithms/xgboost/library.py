"""The `xgboost` package, imported without scikit-learn and pandas.

XGBoost imports both where they are installed, which takes 1.7 s of a job that may last 0.3 s, and nothing here uses
what it would do with them. While the import runs they look as if they were not installed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def _import_lean() -> Any:
    hidden = [name for name in ("sklearn", "pandas") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes the import system refuse a name
    try:
        return import_module("xgboost")
    finally:
        for name in hidden:
            del sys.modules[name]


xgb = _import_lean()
