"""Typed documents: dataclasses whose fields are members of a stored document or of a request.

A class reads the members that it declares, and writes back only those that have changed: everything else in a stored document stays
as it is, whichever version wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from typing import Any, NamedTuple, Self

_REQUIRED = object()


class _Member(NamedTuple):
    """`absent`: makes the value of a member that is absent or null; None if it is required. `of`: reads one value; `each`: True for
    a list of such values."""

    field: str
    name: str
    absent: Callable[[], Any] | None
    of: Any
    each: bool

    def read(self, document: Mapping[str, Any]) -> Any:
        value = document.get(self.name)
        if value is None:
            if self.absent is None:
                raise KeyError(self.name)
            return self.absent()
        if self.of is None:
            return value
        read = self.of.read if _is_typed(self.of) else self.of
        return [read(one) for one in value] if self.each else read(value)


def member(name: str, default: Any = _REQUIRED, of: Any = None, *, each: bool = False) -> Any:
    """Declares a field that is the member `name`. `default`: a value or a function that makes one, for a member that is absent or
    null; without it the member is required. `of`: a TypedDocument or a function that reads the value; `each`: for a list of them.
    """
    absent = None if default is _REQUIRED else default if callable(default) else lambda: default
    metadata = {"member": _Member("", name, absent, of, each)}
    return field(metadata=metadata) if absent is None else field(default_factory=absent, metadata=metadata)


class TypedDocument:
    """Base of frozen, keyword-only dataclasses whose fields are all declared by `member`."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Raises KeyError if a required member is absent."""
        return cls(**{one.field: one.read(document) for one in _members(cls)})

    def write(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the document with this one's members; those that are None are removed. Raises TypeError for a changed
        list of typed documents, which is only read."""
        written = dict(document)
        for one in _members(type(self)):
            value = getattr(self, one.field)
            unchanged = (one.name in written or one.absent is not None) and one.read(written) == value
            if unchanged:
                continue
            if one.each:
                raise TypeError(f"{type(self).__name__}.{one.field} is only read: change the documents in its list")
            if value is None:
                written.pop(one.name, None)
            elif _is_typed(one.of):
                written[one.name] = value.write(written.get(one.name) or {})
            else:
                written[one.name] = value
        return written


def _is_typed(of: Any) -> bool:
    return isinstance(of, type) and issubclass(of, TypedDocument)


_MEMBERS: dict[Any, tuple[_Member, ...]] = {}
"""The members of each class that was used."""


def _members(cls: type[TypedDocument]) -> tuple[_Member, ...]:
    found = _MEMBERS.get(cls)
    if found is None:
        declared: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]
        found = _MEMBERS[cls] = tuple(one.metadata["member"]._replace(field=one.name) for one in declared)
    return found
