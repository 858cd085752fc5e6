"""The user's functions, and defaults for those that the script lacks."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving.context import HandlerContext
from sagewright.toolkit.serving.defaults import Defaults

DEFAULT_PROGRAM = "inference.py"
_HOOKS = ("input_fn", "predict_fn", "output_fn")
_GIVEN = {
    "execution_parameters_fn": 0,
    "model_fn": 1,
    "pre_model_fn": 1,
    "model_warmup_fn": 2,
    "input_fn": 2,
    "predict_fn": 2,
    "output_fn": 2,
    "transform_fn": 4,
}
"""Number of arguments of each, besides the context."""


class ScriptError(Exception):
    """The script is missing, or has functions that exclude each other."""


class Script:
    """Handlers by name. `own`: those of the user."""

    def __init__(self, module: Any, defaults: Defaults, context: HandlerContext) -> None:
        """Raises ScriptError."""
        self.own = {name: getattr(module, name) for name in _GIVEN if callable(getattr(module, name, None))}
        mixed = [name for name in _HOOKS if name in self.own]
        if "transform_fn" in self.own and mixed:
            raise ScriptError(f"Cannot use transform_fn implementation in conjunction with {', '.join(mixed)}.")
        self._defaults, self._context = defaults, context
        self._takes_context = {name: _takes_context(function, name) for name, function in self.own.items()}

    @property
    def is_default(self) -> bool:
        """Returns True if no user function processes requests."""
        return not any(name in self.own for name in (*_HOOKS, "transform_fn"))

    def has(self, name: str) -> bool:
        return name in self.own

    def call(self, name: str, *given: Any) -> Any:
        """Calls the user's function, with the context if it accepts one; else the default."""
        function = self.own.get(name)
        if function is None:
            return getattr(self._defaults, name)(*given)
        return function(*given, self._context) if self._takes_context[name] else function(*given)


def _takes_context(function: Callable[..., Any], name: str) -> bool:
    """Raises ScriptError for a function with another number of arguments."""
    given = _GIVEN[name]
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin
        return False
    try:
        signature.bind(*range(given + 1))
    except TypeError:
        pass
    else:
        return len(signature.parameters) == given + 1
    try:
        signature.bind(*range(given))
    except TypeError:
        raise ScriptError(
            f"{name} takes {len(signature.parameters)} arguments, but {given} are given, or {given + 1} with the context."
        ) from None
    return False


def load_module(directory: Path, program: str, *, required: bool) -> Any:
    """Returns the user's module; None if none is named and there is no inference.py. Raises ScriptError, and the errors of its
    code.

    `required`: True if a named program must exist. Otherwise the framework's defaults replace it.
    """
    for place in (directory / "lib", directory):
        if str(place) not in sys.path:
            sys.path.insert(0, str(place))
    path = script_in(directory, program)
    if not path.is_file():
        missing = f"SAGEMAKER_PROGRAM names {program}, which is not in {directory}"
        if program and required:
            raise ScriptError(f"{missing}.")
        if program:
            print(f"{missing}: the framework's default handlers serve the model.", flush=True)
        return None
    if path.parent == directory and path.stem.isidentifier():
        return import_module(path.stem)
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path} is not a Python program.")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def script_in(directory: Path, program: str) -> Path:
    path = directory / (program or DEFAULT_PROGRAM)
    return path if path.suffix else path.with_suffix(".py")


def program_of(environment: Mapping[str, str]) -> str:
    return environment.get("SAGEMAKER_PROGRAM", "").strip()
