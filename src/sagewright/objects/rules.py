"""Lifecycle rules of a bucket: parsed from the stored document, checked when put, and evaluated.

Days are counted as in S3: from the object's time, rounded up to the next midnight in UTC. Source: the Amazon S3 user guide,
"Lifecycle configuration elements" and "Examples of S3 Lifecycle configurations".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagewright.model.clock import to_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.store.objects.objects import Version
from sagewright.store.objects.uploads import Upload

DAY_MS = 86_400_000
MOST_RULES = 1000
MOST_ID = 255
STATUSES = frozenset({"Enabled", "Disabled"})
ACTIONS = (
    "Expiration", "Transition", "Transitions", "NoncurrentVersionTransition", "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload",
)  # fmt: skip


def after_days(at_ms: int, days: int) -> int:
    """Returns the midnight after the moment `days` days after `at_ms`."""
    return ((at_ms + days * DAY_MS) // DAY_MS + 1) * DAY_MS


@dataclass(frozen=True)
class Filter:
    """Selection of objects for a rule: all given criteria must match; sizes in bytes."""

    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    greater_than: int | None = None
    less_than: int | None = None

    @property
    def by_prefix_alone(self) -> bool:
        return not self.tags and self.greater_than is None and self.less_than is None

    def matches(self, version: Version) -> bool:
        """Returns True if the version matches. A delete marker has neither size nor tags, so rules with those criteria never match
        it."""
        if not version.key.startswith(self.prefix) or (version.delete_marker and not self.by_prefix_alone):
            return False
        return (
            all(version.tags.get(key) == value for key, value in self.tags.items())
            and (self.greater_than is None or version.size > self.greater_than)
            and (self.less_than is None or version.size < self.less_than)
        )


@dataclass(frozen=True)
class LifecycleRule:
    """An enabled rule; times in days, None if the rule has no such action."""

    id: str
    filter: Filter
    days: int | None = None
    date_ms: int | None = None
    lone_markers: bool = False
    noncurrent_days: int | None = None
    newer_noncurrent: int = 0
    abort_days: int | None = None

    def expires_ms(self, version: Version) -> int | None:
        """Returns the time when the rule expires `version` as the newest of its key; None: never."""
        if self.date_ms is not None:
            return self.date_ms
        return None if self.days is None else after_days(version.modified_ms, self.days)

    def ends_newest(self, version: Version, now_ms: int) -> bool:
        when = self.expires_ms(version) if self.filter.matches(version) else None
        return when is not None and when <= now_ms

    def ends_noncurrent(self, version: Version, since_ms: int, newer: int, now_ms: int) -> bool:
        """`since_ms`: time of its successor; `newer`: number of newer noncurrent versions of its key."""
        days = self.noncurrent_days
        if days is None or newer < self.newer_noncurrent or not self.filter.matches(version):
            return False
        return after_days(since_ms, days) <= now_ms

    def ends_lone_marker(self, version: Version, now_ms: int) -> bool:
        """Returns True if the rule removes a delete marker that is the only version left of its key."""
        return (self.lone_markers and self.filter.matches(version)) or self.ends_newest(version, now_ms)

    def aborts_ms(self, key: str, initiated_ms: int) -> int | None:
        """Returns the time when the rule aborts an unfinished upload; None: never."""
        if self.abort_days is None or not key.startswith(self.filter.prefix):
            return None
        return after_days(initiated_ms, self.abort_days)

    def ends_upload(self, key: str, initiated_ms: int, now_ms: int) -> bool:
        when = self.aborts_ms(key, initiated_ms)
        return when is not None and when <= now_ms


@dataclass(frozen=True)
class Announced:
    """The announcement of a future action: its time, and the rule's id."""

    at_ms: int
    rule_id: str


def expiration(requested: Sequence[LifecycleRule], version: Version) -> Announced | None:
    """Returns the first rule to expire `version`, the newest of its key, and the time."""
    times = ((rule.expires_ms(version), rule.id) for rule in requested if rule.filter.matches(version))
    return min((Announced(at, name) for at, name in times if at is not None), key=lambda a: a.at_ms, default=None)


def abortion(requested: Sequence[LifecycleRule], upload: Upload) -> Announced | None:
    """Returns the first rule to abort an unfinished upload, and the time."""
    times = ((rule.aborts_ms(upload.key, upload.initiated_ms), rule.id) for rule in requested)
    return min((Announced(at, name) for at, name in times if at is not None), key=lambda a: a.at_ms, default=None)


def read(document: Mapping[str, Any] | None) -> list[LifecycleRule]:
    """Returns the enabled rules of a lifecycle document, in its order."""
    rules = (document or {}).get("Rules") or []
    return [_rule(rule) for rule in rules if rule.get("Status") == "Enabled"]


def _rule(rule: Mapping[str, Any]) -> LifecycleRule:
    expiration = rule.get("Expiration") or {}
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    date = expiration.get("Date")
    return LifecycleRule(
        id=rule.get("ID", ""),
        filter=_filter(rule),
        days=expiration.get("Days"),
        date_ms=None if date is None else _date_ms(date),
        lone_markers=bool(expiration.get("ExpiredObjectDeleteMarker")),
        noncurrent_days=noncurrent.get("NoncurrentDays"),
        newer_noncurrent=noncurrent.get("NewerNoncurrentVersions") or 0,
        abort_days=(rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
    )


def _filter(rule: Mapping[str, Any]) -> Filter:
    given = rule.get("Filter") or {}
    given = given.get("And") or given
    tags = given.get("Tags") or ([given["Tag"]] if given.get("Tag") else [])
    return Filter(
        prefix=given.get("Prefix") or rule.get("Prefix") or "",
        tags={tag["Key"]: tag["Value"] for tag in tags},
        greater_than=given.get("ObjectSizeGreaterThan"),
        less_than=given.get("ObjectSizeLessThan"),
    )


def _date_ms(date: str | datetime) -> int:
    moment = datetime.fromisoformat(date) if isinstance(date, str) else date
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def check(document: Mapping[str, Any]) -> None:
    """Raises AwsError, as S3 does, for an invalid document."""
    rules = document.get("Rules") or []
    ids = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(set(ids)) != len(ids):
        raise errors.invalid_argument("Rule ID must be unique. Found same ID for more than one rule", "ID")
    for rule in rules:
        _check_form(rule)
        for message in _faults(rule):
            raise AwsError("InvalidArgument", message)


def _check_form(rule: Mapping[str, Any]) -> None:
    """Raises MalformedXML, InvalidRequest, InvalidArgument."""
    expiration, given = rule.get("Expiration") or {}, rule.get("Filter")
    said = [name for name, value in expiration.items() if value is not None]
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if (
        rule.get("Status") not in STATUSES
        or (given is None and rule.get("Prefix") is None)
        or len([value for value in (given or {}).values() if value is not None]) > 1
        or ("Expiration" in rule and len(said) != 1)
        or (noncurrent is not None and not noncurrent)
    ):
        raise errors.malformed_xml()
    keys = [tag.get("Key") for tag in ((given or {}).get("And") or {}).get("Tags") or ()]
    if len(set(keys)) != len(keys):
        raise errors.invalid_request("Duplicate Tag Keys are not allowed.")
    for one in (expiration, *(rule.get("Transitions") or ())):
        if "Date" in one and _date_ms(one["Date"]) % DAY_MS:
            raise errors.invalid_argument("'Date' must be at midnight GMT", "Date", one["Date"])


def _faults(rule: Mapping[str, Any]) -> Iterator[str]:
    expiration = rule.get("Expiration") or {}
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    abort = rule.get("AbortIncompleteMultipartUpload") or {}
    if len(rule.get("ID", "")) > MOST_ID:
        yield f"ID length should not exceed allowed limit of {MOST_ID}"
    if not any(action in rule for action in ACTIONS):
        yield "At least one action needs to be specified in a rule"
    days = {
        "'Days' for Expiration action": expiration.get("Days"),
        "'NoncurrentDays' for NoncurrentVersionExpiration action": noncurrent.get("NoncurrentDays"),
        "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action": noncurrent.get("NewerNoncurrentVersions"),
        "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action": abort.get("DaysAfterInitiation"),
    }
    for name, value in days.items():
        if value is not None and value < 1:
            yield f"{name} must be a positive integer"
    narrow = not _filter(rule).by_prefix_alone
    if narrow and "AbortIncompleteMultipartUpload" in rule:
        yield "AbortIncompleteMultipartUpload cannot be specified with tags or object sizes"
    if narrow and expiration.get("ExpiredObjectDeleteMarker"):
        yield "ExpiredObjectDeleteMarker cannot be specified with tags or object sizes"
