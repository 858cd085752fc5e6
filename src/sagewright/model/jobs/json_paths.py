"""JSONPath as in batch transform's filters: names, indexes, slices, wildcards and descent, but no filter expressions.

Filter expressions could make the agent compute for an unlimited time. Source: AWS's developer guide, "Associate Prediction Results
with Input Records"; the combination of several results follows Jayway's JsonPath, whose language AWS describes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonpath import JSONPath

WHOLE = "$"


class WrongPath(ValueError):
    """The text is not a supported JSONPath; the message says why."""


class NothingThere(LookupError):
    """The document has nothing at the path."""


class JsonPath:
    """A path with a known kind of result: one value, some members of an object, or a list."""

    def __init__(self, text: str) -> None:
        """Compiles a path. Raises WrongPath."""
        self.text = text
        self._path = _compiled(text)
        self._segments: list[Any] = list(self._path.segments)
        self._definite = all(map(_is_definite, self._segments))
        self._members = bool(self._segments) and self._chooses_members()
        self._quick = _quick(self._segments)

    @property
    def is_whole(self) -> bool:
        return not self._segments

    def of(self, document: Any) -> Any:
        """Returns the result in a document. Raises NothingThere if a path to a single value matches nothing."""
        if self.is_whole:
            return document
        found = list(self._path.finditer(document))
        if self._definite:
            if not found:
                raise NothingThere(f"there is nothing at {self.text}")
            return found[0].obj
        if self._members:
            return {str(match.parts[-1]): match.obj for match in found}
        return [match.obj for match in found]

    def columns(self, row: Sequence[str]) -> list[str]:
        """Returns the selected columns of a CSV row. Raises NothingThere."""
        if self._quick is not None:
            return self._quick(row)
        found = self.of(list(row))
        return [str(each) for each in found] if isinstance(found, list) else [str(found)]

    def _chooses_members(self) -> bool:
        *before, last = self._segments
        return (
            all(map(_is_definite, before))
            and len(last.selectors) > 1
            and all(_is(selector, "Name") for selector in last.selectors)
        )


@lru_cache(maxsize=256)
def json_path(text: str) -> JsonPath:
    """Compiles a path, with caching. Raises WrongPath."""
    return JsonPath(text)


def _compiled(text: str) -> JSONPath:
    """Compiles a path. Raises WrongPath. Imports the library here, because that takes longer than a job may take to start."""
    from jsonpath import JSONPath, JSONPathEnvironment
    from jsonpath.exceptions import JSONPathError

    try:
        path = JSONPathEnvironment(strict=True).compile(text)
    except (JSONPathError, RecursionError) as error:
        raise WrongPath(f"'{text}' is not a JSONPath: {error.args[0] if error.args else 'it goes too deep'}") from error
    if not isinstance(path, JSONPath):
        raise WrongPath(f"'{text}' is more than one JSONPath.")
    if any(type(selector).__name__ == "Filter" for segment in path.segments for selector in segment.selectors):
        raise WrongPath(f"'{text}': filter expressions (?) are not supported.")
    return path


def _is(selector: Any, kind: str) -> bool:
    return type(selector).__name__ == f"{kind}Selector"


def _is_definite(segment: Any) -> bool:
    one = segment.selectors[0] if len(segment.selectors) == 1 else None
    return (_is(one, "Name") or _is(one, "Index")) and _is_child(segment)


def _is_child(segment: Any) -> bool:
    return type(segment).__name__ == "JSONPathChildSegment"


def _quick(segments: Sequence[Any]) -> Callable[[Sequence[str]], list[str]] | None:
    """Returns a fast selector for indexes and slices, the usual CSV filters, which does not walk over every column."""
    if len(segments) != 1 or not _is_child(segments[0]):
        return None if segments else list
    spans = [_span(selector) for selector in segments[0].selectors]
    if any(span is None for span in spans):
        return None

    def choose(row: Sequence[str]) -> list[str]:
        chosen: list[str] = []
        for span in spans:
            if isinstance(span, slice):
                chosen += row[span]
            elif span is not None and -len(row) <= span < len(row):
                chosen.append(row[span])
        if not chosen:
            raise NothingThere(f"the filter's columns do not exist in a row of {len(row)}")
        return chosen

    return choose


def _span(selector: Any) -> slice | int | None:
    if _is(selector, "Index"):
        return int(selector.index)
    if _is(selector, "Slice") and (selector.slice.step or 1) > 0:
        found: slice = selector.slice
        return found
    return None
