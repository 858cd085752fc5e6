"""The parts of SageMaker Debugger's hook that scripts import. There is no hook here: nothing is saved, and one line says so."""

from __future__ import annotations

import enum
from typing import Any

__all__ = ["CollectionKeys", "Hook", "ReductionConfig", "SaveConfig", "SaveConfigMode", "get_hook", "modes"]

_told = False


def tell() -> None:
    """Logs the line once per process."""
    global _told  # noqa: PLW0603 - a script may ask for its hook again and again
    if not _told:
        print("SageMaker Debugger's hook is not available: no tensors are saved, and training goes on without it.")  # noqa: T201
        _told = True


def get_hook(*_asked: Any, **_said: Any) -> None:
    """Returns None, as if no hook were configured: scripts check for that."""
    tell()


class Modes(enum.Enum):
    TRAIN, EVAL, PREDICT, GLOBAL = 1, 2, 3, 4


modes = Modes


class Hook:
    """Accepts all calls of a hook, and does nothing."""

    def __init__(self, *_said: Any, **_named: Any) -> None:
        tell()

    @classmethod
    def create_from_json_file(cls, *_said: Any, **_named: Any) -> Hook:
        return cls()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *said, **_named: said[0] if name.startswith("wrap") and said else None


class _Config:
    def __init__(self, *_said: Any, **_named: Any) -> None:
        pass


class SaveConfig(_Config):
    pass


class SaveConfigMode(_Config):
    pass


class ReductionConfig(_Config):
    pass


class CollectionKeys:
    """Names of collections of tensors."""

    ALL, DEFAULT, WEIGHTS, BIASES, GRADIENTS = "all", "default", "weights", "biases", "gradients"
    LOSSES, METRICS, INPUTS, OUTPUTS = "losses", "metrics", "inputs", "outputs"
