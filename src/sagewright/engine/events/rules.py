"""Rules as the engine reads them: a resource with a pattern or a schedule, and its targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.engine.events.patterns import BadPattern, PatternNode, read_pattern
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Bound, Comparison, PageRequest
from sagewright.store.messages.deliveries import Wanted
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "event-rule"
BUS = "default"
"""The default bus, which always exists. The name of a rule on another bus is prefixed with the bus and a slash."""

ENABLED, DISABLED = "ENABLED", "DISABLED"
MOST_RULES = 300
"""Maximum rules of one bus."""

MOST_OF_ALL = 100_000
TARGETS = "Targets"
PRINCIPAL = "PutBy"
"""Internal member of a target with the ARN of the principal that put it; the target is invoked as that principal."""

HEAD = frozenset({"source", "detail-type", "account", "region"})


@dataclass(frozen=True)
class EventRule:
    """`id`: the resource's id."""

    resource: Resource

    @property
    def id(self) -> str:
        return self.resource.id

    @property
    def name(self) -> str:
        return self.resource.name.rpartition("/")[2]

    @property
    def bus(self) -> str:
        return self.resource.name.rpartition("/")[0] or BUS

    @property
    def arn(self) -> str:
        """Returns the rule's ARN. A schedule of the Scheduler, whose target is stored like those of rules, carries its own ARN."""
        own: str = self.resource.document.get("Arn", "")
        return own or rule_arn(self.resource.region, self.resource.account, self.resource.name)

    @property
    def targets(self) -> dict[str, dict[str, Any]]:
        """Returns the targets by their ids."""
        found: dict[str, dict[str, Any]] = self.resource.document.get(TARGETS, {})
        return found

    @property
    def schedule(self) -> str | None:
        return self.resource.document.get("ScheduleExpression")

    @property
    def pattern(self) -> PatternNode | None:
        text = self.resource.document.get("EventPattern")
        try:
            return read_pattern(text) if text else None
        except BadPattern:  # an earlier version accepted it
            return None

    def may_match(self, head: dict[str, Any]) -> bool:
        """True if an event with this head could match."""
        pattern = self.pattern
        if pattern is None:
            return False
        return all(inner.matches(head[name]) for name, inner in pattern.members if name in HEAD and name in head)

    def is_for(self, event: dict[str, Any]) -> bool:
        pattern = self.pattern
        return pattern is not None and pattern.matches(event)

    def requested(self, event: dict[str, Any]) -> list[Wanted]:
        return [(f"{self.id}/{target}", event) for target in self.targets]

    def principal(self, target: dict[str, Any]) -> str:
        """Returns the ARN of the principal that invokes a target."""
        return str(target.get("RoleArn") or self.resource.document.get("RoleArn") or target.get(PRINCIPAL, ""))


def kept_name(bus: str, name: str) -> str:
    """Returns the name of the resource that stores a rule."""
    return name if bus == BUS else f"{bus}/{name}"


def bus_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def rule_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:events:{region}:{account}:rule/{name}"


def enabled(store: Database, scope: tuple[str, str], bus: str = BUS) -> list[EventRule]:
    """Returns all enabled rules of a bus. `scope`: account and region."""
    page = PageRequest((Bound("status", Comparison.IS, ENABLED),), limit=MOST_OF_ALL)
    rules = (EventRule(found) for found in resources.page(store, ResourceScope(KIND, *scope), page))
    return [rule for rule in rules if rule.bus == bus]


def enabled_anywhere(store: Database) -> list[EventRule]:
    """Returns the enabled rules of the default buses of all regions."""
    ids = resources.in_status(store, KIND, [ENABLED])[:MOST_OF_ALL]
    return [rule for rule in map(EventRule, resources.several(store, ids)) if rule.bus == BUS]


def target_of(store: Database, subject: str) -> tuple[EventRule, dict[str, Any]] | None:
    """Returns the rule and the target of a subject `rule id/target id`."""
    rule_id, _, target_id = subject.partition("/")
    for found in resources.several(store, [rule_id]):
        rule = EventRule(found)
        if target_id in rule.targets:
            return rule, rule.targets[target_id]
    return None
