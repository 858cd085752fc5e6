"""The functions that a declaration names; they are imported only in the job."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def load_function(name: str) -> Callable[..., Any]:
    """Imports the function named by `module:function`."""
    module, _, function = name.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded
