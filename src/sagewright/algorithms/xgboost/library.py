"""The `xgboost` package, imported without scikit-learn and pandas.

XGBoost imports both if they are installed, which takes 1.7 s of a job that can last 0.3 s, and nothing here uses its support for
them. During the import they appear as not installed.
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
