"""List operations: filters, order and cursors. A cursor is opaque to clients; it contains, as JSON, the key after which to
continue."""

from __future__ import annotations

import base64
import binascii
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import orjson

from sagewright.model.clock import to_ms
from sagewright.model.errors import AwsError, ValidationException
from sagewright.model.row_tokens import rows_before
from sagewright.store.listing import MOST_BYTES, Bound, Comparison, PageRequest, PageRows

T = TypeVar("T")
R = TypeVar("R")


def encode(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


def decode(token: str | None, error: AwsError | None = None) -> list[Any] | None:
    """Returns the position in a token, None without a token. Raises `error`, by default ValidationException."""
    if not token:
        return None
    try:
        position = orjson.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError):
        position = None
    if not isinstance(position, list):
        raise error or ValidationException("Invalid NextToken.")
    return position


def begin_by_name(token: str | None, error: AwsError | None = None) -> tuple[str, int]:
    """Returns where a page of a list by name begins: after which name, and how many rows are skipped instead. Raises as `decode`
    does."""
    position = decode(token, error)
    skip = rows_before(position)
    if skip is not None:
        return "", skip
    match position:
        case None:
            return "", 0
        case [str(name)]:
            return name, 0
    raise error or ValidationException("Invalid NextToken.")


def page_of(
    entries: Iterable[T], key: Callable[[T], list[Any]], after: list[Any] | None, size: int, *, descending: bool = False
) -> tuple[list[T], str | None]:
    """Returns at most `size` of the entries after the position `after`, sorted by key, and the cursor of the next page if there is
    one.

    For lists assembled in memory. Keys must be unique. Raises ValidationException for an invalid size, and for a position of
    another list.
    """
    if size < 1:
        raise ValidationException(f"A page has at least one entry, not {size}.")
    try:
        beyond, skip = operator.lt if descending else operator.gt, rows_before(after)
        left = (entry for entry in entries if after is None or skip is not None or beyond(key(entry), after))
        ordered = sorted(left, key=key, reverse=descending)[skip:]
    except TypeError:
        raise ValidationException("Invalid NextToken.") from None
    page = ordered[:size]
    return page, encode(key(page[-1])) if len(ordered) > size else None


def read_page(fetch: Callable[[PageRequest], Sequence[R]], requested: PageRequest) -> tuple[Sequence[R], bool]:
    """Returns at most `requested.limit` rows, and True if more follow: a page ends early, after at least one row, once its rows
    reach the maximum number of bytes.
    """
    found = fetch(
        replace(requested, limit=requested.limit + 1, most_bytes=MOST_BYTES)
    )  # the extra row shows whether any follow
    cut = isinstance(found, PageRows) and found.cut
    return found[: requested.limit], cut or len(found) > requested.limit


def position_of(row: Any, requested: PageRequest) -> tuple[Any, ...]:
    """Returns the position at which a list continues after the row."""
    return tuple(getattr(row, name) for name in (requested.sort_by, *requested.ties))


FILTERS: dict[str, tuple[str, Comparison]] = {
    "NameContains": ("name", Comparison.CONTAINS),
    "StatusEquals": ("status", Comparison.IS),
    "CreationTimeAfter": ("created_ms", Comparison.AT_LEAST),
    "CreationTimeBefore": ("created_ms", Comparison.AT_MOST),
    "LastModifiedTimeAfter": ("modified_ms", Comparison.AT_LEAST),
    "LastModifiedTimeBefore": ("modified_ms", Comparison.AT_MOST),
}
"""Filter members of SageMaker's List requests, with the column and the comparison each stands for."""


@dataclass(frozen=True)
class ListSpec:
    """A List operation: the list's member in its response, its sort keys with their columns, and the order without a SortOrder.

    `ties`: columns that order rows with the same sort value.
    """

    member: str
    sorts: Mapping[str, str]
    descending: bool = False
    filters: Mapping[str, tuple[str, Comparison]] = field(default_factory=lambda: FILTERS)
    ties: tuple[str, ...] = ("name",)

    def answer(
        self,
        request: dict[str, Any],
        fetch: Callable[[PageRequest], Sequence[Any]],
        shape: Callable[[Sequence[Any]], Iterable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Returns one page: `fetch` reads rows, which have a name; `shape` converts them to summaries."""
        size, column = request.get("MaxResults", 10), self._column(request.get("SortBy", "CreationTime"))
        position = decode(request.get("NextToken"))
        order = request.get("SortOrder", "Descending" if self.descending else "Ascending")
        skip = rows_before(position)
        if position is not None and skip is None and len(position) != 1 + len(self.ties):
            raise ValidationException("Invalid NextToken.")
        after = tuple(position) if position and skip is None else None
        requested = PageRequest(
            self._bounds(request), column, order == "Descending", size, after, self.ties, skip=skip or 0
        )
        page, more = read_page(fetch, requested)
        answer: dict[str, Any] = {self.member: list(shape(page))}
        if more:
            answer["NextToken"] = encode(list(position_of(page[-1], requested)))
        return answer

    def _column(self, sort_by: str) -> str:
        """Raises ValidationException for a key that the list is not sorted by here."""
        if sort_by not in self.sorts:
            raise ValidationException(
                f"SortBy {sort_by} is not supported for {self.member}: one of {', '.join(self.sorts)}."
            )
        return self.sorts[sort_by]

    def _bounds(self, request: dict[str, Any]) -> tuple[Bound, ...]:
        given = ((self.filters[name], request[name]) for name in self.filters if name in request)
        return tuple(
            Bound(column, test, to_ms(value) if isinstance(value, datetime) else value)
            for (column, test), value in given
        )
