"""Dataclasses whose methods cost nothing until they are used.

`dataclasses.dataclass` compiles up to six functions for each class: for the 500 classes of a server, a quarter of its start and
4 MB. Here the constructor is compiled at its first call, and the other methods are closures over the fields. A class that inherits
from a dataclass, has methods of its own instead, or uses other options is left to `dataclasses`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from inspect import get_annotations
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, **options):
        """Declares a dataclass, with the options and the behaviour of `dataclasses.dataclass`."""
        if cls is None:
            return lambda one: dataclass(one, **options)
        return _light(cls, **options) if _is_plain(cls, options) else dataclasses.dataclass(cls, **options)


__all__ = ["dataclass"]

_OPTIONS = frozenset({"frozen", "kw_only"})
_METHODS = frozenset({"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"})
_ABSENT = object()
Fields = tuple["Field[Any]", ...]


def _is_plain(cls: type, options: dict[str, bool]) -> bool:
    inherits = any(dataclasses.is_dataclass(base) for base in cls.__mro__[1:])
    special = any("InitVar" in str(one) for one in get_annotations(cls).values())
    return not inherits and not special and options.keys() <= _OPTIONS and not _METHODS & cls.__dict__.keys()


def _light(cls: Any, *, frozen: bool = False, kw_only: bool = False) -> Any:
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # `dataclasses` would describe the signature, which takes longer than all else here
    made: Any = dataclasses.dataclass(cls, init=False, repr=False, eq=False, kw_only=kw_only)
    fields = dataclasses.fields(made)
    made.__init__ = _late_init(made, fields, frozen=frozen)
    made.__repr__ = _repr(fields)
    compared = tuple(one for one in fields if one.compare)
    made.__eq__ = _eq(compared)
    made.__hash__ = None
    parameters = made.__dataclass_params__
    parameters.init = parameters.repr = parameters.eq = True
    if frozen:
        parameters.frozen = True
        hashed = tuple(one for one in fields if (one.compare if one.hash is None else one.hash))
        made.__hash__ = _hash(hashed)
        made.__setattr__, made.__delattr__ = _refusals(made, frozenset(one.name for one in fields))
    return made


def _late_init(cls: Any, fields: Fields, *, frozen: bool) -> Callable[..., None]:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = compiled = _init(cls, fields, frozen=frozen)
        compiled(self, *args, **kwargs)

    return init


def _init(cls: Any, fields: Fields, *, frozen: bool) -> Callable[..., None]:
    names: dict[str, Any] = {"_set": object.__setattr__, "_absent": _ABSENT}
    positional, keywords = ["_self"], list[str]()
    lines: list[str] = []
    for one in fields:
        if one.init:
            parameter = one.name
            if one.default is not MISSING:
                names[f"_d_{one.name}"] = one.default
                parameter += f"=_d_{one.name}"
            elif one.default_factory is not MISSING:
                parameter += "=_absent"
            (keywords if one.kw_only else positional).append(parameter)
        lines += _assignment(one, names, frozen=frozen)
    if hasattr(cls, "__post_init__"):
        lines.append("_self.__post_init__()")
    parameters = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
    text = f"def __init__({parameters}):\n " + "\n ".join(lines or ["pass"])
    exec(text, names)  # noqa: S102 - names of fields are identifiers
    found: Callable[..., None] = names["__init__"]
    found.__qualname__, found.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return found


def _assignment(one: Field[Any], names: dict[str, Any], *, frozen: bool) -> list[str]:
    value = one.name
    if one.default_factory is not MISSING:
        names[f"_f_{one.name}"] = one.default_factory
        value = f"_f_{one.name}() if {one.name} is _absent else {one.name}" if one.init else f"_f_{one.name}()"
    elif not one.init:
        return []  # the default is the class's attribute
    return [f"_set(_self, {one.name!r}, {value})" if frozen else f"_self.{one.name} = {value}"]


def _values(fields: Fields) -> Callable[[Any], tuple[Any, ...]]:
    names = [one.name for one in fields]
    if len(names) > 1:
        return attrgetter(*names)
    return (lambda one: (getattr(one, names[0]),)) if names else lambda _one: ()


def _repr(fields: Fields) -> Callable[[Any], str]:
    shown = [one.name for one in fields if one.repr]

    @recursive_repr()
    def represent(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return represent


def _eq(fields: Fields) -> Callable[[Any, Any], Any]:
    values = _values(fields)

    def equal(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hash(fields: Fields) -> Callable[[Any], int]:
    values = _values(fields)

    def digest(self: Any) -> int:
        return hash(values(self))

    return digest


def _refusals(cls: Any, names: frozenset[str]) -> tuple[Callable[..., None], Callable[..., None]]:
    def refuse_set(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def refuse_delete(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return refuse_set, refuse_delete
