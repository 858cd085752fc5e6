"""Hyperparameters of a job, checked by their declarations in the model's manifest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sagewright_jumpstart.errors import InputError

_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


class Hyperparameters:
    """Values by name: the declared default where none is given."""

    def __init__(self, declared: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> None:
        """Raises InputError for a value outside its declaration, or a name that the model does not declare."""
        known = {each["name"]: each for each in declared}
        unknown = sorted(name for name in given if name not in known and not name.startswith(("sagemaker_", "_")))
        if unknown:
            raise InputError(f"hyperparameter {unknown[0]}: this model has {', '.join(known)}")
        self._values = {name: _value(each, given.get(name, each["default"])) for name, each in known.items()}

    def whole(self, name: str) -> int:
        return int(self._values[name])

    def number(self, name: str) -> float:
        return float(self._values[name])

    def text(self, name: str) -> str:
        return str(self._values[name])

    def flag(self, name: str) -> bool:
        """Returns a choice of "True" and "False"."""
        return self.text(name).lower() in _YES


def _value(declared: Mapping[str, Any], given: Any) -> str | int | float:
    name, kind = declared["name"], declared["type"]
    if kind in {"int", "float"}:
        return _number(declared, given)
    text = str(given).strip()
    options = declared.get("options") or (("True", "False") if kind == "bool" else ())
    if not options:
        return text
    found = next((each for each in options if each.lower() == text.lower()), None)
    if found is None and {each.lower() for each in options} == {"true", "false"}:
        found = "True" if text.lower() in _YES else "False" if text.lower() in _NO else None
    if found is None:
        raise InputError(f"hyperparameter {name}: one of {', '.join(options)}, not {text!r}")
    return found


def _number(declared: Mapping[str, Any], given: Any) -> int | float:
    name, whole = declared["name"], declared["type"] == "int"
    try:
        value = int(str(given)) if whole else float(given)
    except (TypeError, ValueError):
        raise InputError(f"hyperparameter {name}: {'a whole number' if whole else 'a number'}, not {given!r}") from None
    least, most = declared.get("min"), declared.get("max")
    if math.isnan(value) or (least is not None and value < least) or (most is not None and value > most):
        bounds = " and ".join(
            part for part in (f"at least {least:g}" * (least is not None), f"at most {most:g}" * (most is not None)) if part
        ) if least is not None or most is not None else "a number"  # fmt: skip
        raise InputError(f"hyperparameter {name}: {bounds}, not {given}")
    return value
