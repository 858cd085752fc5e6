"""Boosters of old releases in scripts: `pickle.load` and `load_model` read them as the built-in algorithm's server does."""

from __future__ import annotations

import os
import threading
from types import ModuleType
from typing import Any


def accept_old(core: ModuleType) -> None:
    """Makes `xgboost.core`'s Booster read by `oldmodels` the files that it refuses. Files that neither reads fail as before."""
    booster: Any = core.Booster
    restore, load_model = booster.__setstate__, booster.load_model
    reading = threading.local()  # the reader itself restores boosters

    def old(content: bytes, read: str) -> Any:
        from sagewright.algorithms.errors import UserError
        from sagewright.algorithms.xgboost import oldmodels

        if getattr(reading, "now", False):
            return None
        reading.now = True
        try:
            return getattr(oldmodels, read)(content)
        except (UserError, ValueError, core.XGBoostError):
            return None
        finally:
            reading.now = False

    def setstate(self: Any, state: dict[str, Any]) -> None:
        handle = state.get("handle")
        try:
            restore(self, dict(state))
        except core.XGBoostError:
            found = old(bytes(handle), "load_handle") if isinstance(handle, (bytes, bytearray)) else None
            if found is None:
                raise
            restore(self, {**state, "handle": found.__getstate__()["handle"]})
            _restore_names(self, state)

    def load(self: Any, fname: Any) -> None:
        try:
            load_model(self, fname)
        except core.XGBoostError:
            content = _content(fname)
            found = None if content is None else old(content, "load_old")
            if found is None:
                raise
            load_model(self, bytearray(found.save_raw(raw_format="ubj")))

    booster.__setstate__, booster.load_model = setstate, load


def _restore_names(booster: Any, state: dict[str, Any]) -> None:
    """Restores names that releases before 1.4 kept beside the model, giving columns without a name a generated one."""
    names = state.get("feature_names")
    if names and names != [f"f{number}" for number in range(len(names))]:
        booster.feature_names, booster.feature_types = names, state.get("feature_types")


def _content(fname: Any) -> bytes | None:
    if isinstance(fname, (bytes, bytearray)):
        return bytes(fname)
    try:
        with open(os.fspath(fname), "rb") as file:  # noqa: PTH123 - whatever a path may be
            return file.read()
    except (OSError, TypeError):
        return None
