"""The functions that a declaration names: they are imported in the job only."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def load_function(name: str) -> Callable[..., Any]:
    """Of `module:function`."""
    module, _, function = name.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded
