"""Lists of keys and versions: prefixes, delimiters, pages. The order is that of the keys' UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sagewright.objects import placing
from sagewright.objects.versionids import rank_of
from sagewright.store.database import Database
from sagewright.store.objects import objects as rows
from sagewright.store.objects import uploads
from sagewright.store.objects.objects import ListedVersion, Span, Version
from sagewright.store.objects.uploads import Upload, UploadCursor

LEAST_BATCH = 100
MOST_BATCH = 1000
_LAST_BEFORE_SURROGATES, _FIRST_AFTER_SURROGATES, _LAST = 0xD7FF, 0xE000, 0x10FFFF


@dataclass(frozen=True)
class ListingQuery:
    """A list request: keys with `prefix`, those with a `delimiter` after it folded into common prefixes."""

    prefix: str = ""
    delimiter: str = ""
    limit: int = 1000


@dataclass
class ObjectPage:
    """`entries` and `prefixes` together have at most the requested number. `next_key` is the last of both, if `truncated`."""

    entries: list[ListedVersion] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    next_key: str = ""
    next_version: str | None = None

    @property
    def count(self) -> int:
        return len(self.entries) + len(self.prefixes)


@dataclass
class UploadPage:
    """Like ObjectPage, for unfinished multipart uploads."""

    entries: list[Upload] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    next: UploadCursor = field(default_factory=UploadCursor)


def successor(prefix: str) -> str | None:
    """Returns the smallest text after everything beginning with `prefix`; None if there is none."""
    for length in range(len(prefix), 0, -1):
        code = ord(prefix[length - 1])
        if code < _LAST:
            after = _FIRST_AFTER_SURROGATES if code == _LAST_BEFORE_SURROGATES else code + 1
            return prefix[: length - 1] + chr(after)
    return None


def common_prefix(key: str, requested: ListingQuery) -> str | None:
    """Returns the common prefix of `key`, None if it is listed itself."""
    if not requested.delimiter:
        return None
    at = key.find(requested.delimiter, len(requested.prefix))
    return key[: at + len(requested.delimiter)] if at >= 0 else None


def _after(requested: ListingQuery, marker: str) -> Span | None:
    """Returns the span of a list after `marker`, a key or a common prefix; None if it is empty.

    A marker inside of a common prefix continues after the whole prefix.
    """
    end = successor(requested.prefix) if requested.prefix else None
    if marker < requested.prefix or not marker:
        return Span(requested.prefix, True, end)
    folded = common_prefix(marker, requested) if marker.startswith(requested.prefix) else None
    if folded is not None:
        beyond = successor(folded)
        return Span(beyond, True, end) if beyond is not None else None
    return Span(marker, False, end)


@dataclass(frozen=True)
class ObjectListing:
    """Lists of objects. Thread-safe. Raises NoSuchBucket."""

    store: Database

    def keys(self, bucket: str, requested: ListingQuery, marker: str = "") -> ObjectPage:
        """Lists objects without delete markers, after the key or common prefix `marker`."""
        with self.store.read() as connection:
            placing.need_bucket(connection, bucket)
            return _Walk(connection, bucket, requested, versions=False).page(_after(requested, marker))

    def versions(
        self, bucket: str, requested: ListingQuery, marker: str = "", version: str | None = None
    ) -> ObjectPage:
        """Lists all versions and delete markers, newest first per key; `version` is a position among those of `marker`."""
        with self.store.read() as connection:
            placing.need_bucket(connection, bucket)
            span = _after(requested, marker)
            if version and span is not None and span.first == marker and not span.inclusive:
                seen = rows.find(connection, bucket, marker, version)
                span = Span(marker, False, span.end, seen.rank if seen else rank_of(version))
            return _Walk(connection, bucket, requested, versions=True).page(span)

    def all_keys(self, bucket: str, prefix: str) -> Iterator[ListedVersion]:
        """Yields every object under `prefix`, reading page by page."""
        requested, marker = ListingQuery(prefix, limit=MOST_BATCH), ""
        while True:
            page = self.keys(bucket, requested, marker)
            yield from page.entries
            if not page.truncated:
                return
            marker = page.next_key

    def locate(self, bucket: str, prefix: str, marker: str, limit: int) -> list[tuple[str, int, str]]:
        """Returns (key, size, blob) of objects under `prefix`, after the key `marker`: just enough to find their bytes."""
        with self.store.read() as connection:
            placing.need_bucket(connection, bucket)
            span = _after(ListingQuery(prefix), marker)
            return rows.locate(connection, bucket, span, limit) if span is not None else []

    def all_versions(self, bucket: str, prefix: str = "") -> Iterator[Version]:
        """Yields every version and delete marker under `prefix`, newest first per key, reading incrementally."""
        span = Span(prefix, True, successor(prefix) if prefix else None)
        while True:
            with self.store.read() as connection:
                page = rows.scan(connection, bucket, span, MOST_BATCH)
            yield from page
            if len(page) < MOST_BATCH:
                return
            span = Span(page[-1].key, False, span.end, page[-1].rank)

    def all_uploads(self, bucket: str) -> Iterator[Upload]:
        """Yields every unfinished upload, reading incrementally."""
        cursor = UploadCursor()
        while True:
            with self.store.read() as connection:
                page = uploads.page(connection, bucket, None, cursor, MOST_BATCH)
            yield from page
            if len(page) < MOST_BATCH:
                return
            cursor = UploadCursor(page[-1].key, page[-1].id)

    def uploads(self, bucket: str, requested: ListingQuery, after: UploadCursor) -> UploadPage:
        """Lists unfinished multipart uploads by key and age."""
        with self.store.read() as connection:
            placing.need_bucket(connection, bucket)
            return _upload_page(connection, bucket, requested, after)


class _Walk:
    """The construction of one page from batches of rows; a common prefix that exceeds its batch is skipped by a new query."""

    def __init__(self, connection: Connection, bucket: str, requested: ListingQuery, *, versions: bool) -> None:
        self._connection, self._bucket, self._requested, self._versions = connection, bucket, requested, versions
        self._page = ObjectPage()
        self._folded: str | None = None

    def page(self, span: Span | None) -> ObjectPage:
        while span is not None and self._requested.limit > 0:
            size = min(MOST_BATCH, max(LEAST_BATCH, self._requested.limit - self._page.count + 1))
            batch = rows.entries(self._connection, self._bucket, span, size, versions=self._versions)
            taken = all(self._take(row) for row in batch) if self._requested.delimiter else self._take_all(batch)
            if not taken or len(batch) < size:
                break
            span = self._further(span, batch[-1])
        return self._page

    def _further(self, span: Span, last: ListedVersion) -> Span | None:
        if self._folded is not None and last.key.startswith(self._folded):
            beyond = successor(self._folded)
            return Span(beyond, True, span.end) if beyond is not None else None
        return Span(last.key, False, span.end, last.rank if self._versions else None)

    def _take_all(self, batch: list[ListedVersion]) -> bool:
        """Applies `_take` to each row, for rows that can't be folded."""
        room = self._requested.limit - self._page.count
        shown = batch[:room]
        self._page.entries += shown
        self._page.truncated = len(batch) > room
        if shown:
            self._page.next_key, self._page.next_version = shown[-1].key, shown[-1].version
        return not self._page.truncated

    def _take(self, row: ListedVersion) -> bool:
        """Adds a row to the page; returns False if the page is full."""
        folded = common_prefix(row.key, self._requested)
        if folded is not None and folded == self._folded:
            return True
        if self._page.count >= self._requested.limit:
            self._page.truncated = True
            return False
        self._folded = folded
        if folded is not None:
            self._page.prefixes.append(folded)
        else:
            self._page.entries.append(row)
        self._page.next_key = folded or row.key
        self._page.next_version = None if folded else row.version
        return True


def _upload_page(connection: Connection, bucket: str, requested: ListingQuery, after: UploadCursor) -> UploadPage:
    page = UploadPage(next=after)
    end = successor(requested.prefix) if requested.prefix else None
    cursor = after
    while requested.limit > 0:
        batch = uploads.page(connection, bucket, end, cursor, MOST_BATCH)
        for upload in batch:
            cursor = UploadCursor(upload.key, upload.id)
            folded = common_prefix(upload.key, requested)
            if not upload.key.startswith(requested.prefix) or (
                folded and (folded <= after.key or after.key.startswith(folded))
            ):
                continue
            if folded and page.prefixes and page.prefixes[-1] == folded:
                continue
            if len(page.entries) + len(page.prefixes) >= requested.limit:
                page.truncated = True
                return page
            if folded:
                page.prefixes.append(folded)
            else:
                page.entries.append(upload)
            page.next = UploadCursor(folded, "") if folded else cursor
        if len(batch) < MOST_BATCH:
            break
    return page
