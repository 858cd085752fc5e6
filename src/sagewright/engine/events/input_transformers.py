"""Inputs of targets: all of an event, a part of it, a constant, or a template filled with parts.

Source: AWS's EventBridge user guide, "Transforming Amazon EventBridge target input"; what localstack/localstack recorded on AWS
(`test_events_inputs.snapshot.json`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from sagewright.model.budgets import Budget
from sagewright.model.documents import read_json

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]|\['(?P<quoted>[^']+)'\]")
_VARIABLE = re.compile(r"<(?P<name>[A-Za-z0-9_.\-]+)>")
MOST_INPUT = 1 << 20
"""Maximum bytes of a filled template."""
MISSING = object()


class BadPath(Exception):
    """The text is not a valid path into an event."""


@dataclass(frozen=True)
class RuleOrigin:
    """The rule that matched, for templates that refer to it."""

    arn: str
    name: str


def read_path(text: str) -> list[str | int]:
    """Parses a path such as `$.detail.name[0]` into its steps. Raises BadPath."""
    if not text.startswith("$"):
        raise BadPath(text)
    steps: list[str | int] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise BadPath(text)
        name = found["name"] or found["quoted"]
        steps.append(int(found["index"]) if found["index"] else name)
        at = found.end()
    return steps


def part_of(event: Any, path: str) -> Any:
    """Returns the value at the path, or MISSING. Raises BadPath."""
    for step in read_path(path):
        if isinstance(step, int):
            event = event[step] if isinstance(event, list) and step < len(event) else MISSING
        else:
            event = event.get(step, MISSING) if isinstance(event, dict) else MISSING
    return event


def input_of(target: dict[str, Any], event: dict[str, Any], origin: RuleOrigin) -> str:
    """Returns the text to send to the target.

    Raises BadPath, and ValueError for a template that grows beyond MOST_INPUT bytes or stops being JSON when it is filled.
    """
    if "Input" in target:
        return scheduled(str(target["Input"]), event)
    if "InputPath" in target:
        part = part_of(event, target["InputPath"])
        return "" if part is MISSING else _json(part)
    if "InputTransformer" in target:
        return _filled(target["InputTransformer"], event, origin)
    return _json(event)


def scheduled(text: str, event: dict[str, Any]) -> str:
    """Returns the text with EventBridge Scheduler's attributes filled in, if the Scheduler sends the event.

    Source: its user guide, "Adding context attributes".
    """
    if event.get("source") != "aws.scheduler":
        return text
    values = {"scheduled-time": event["time"], "schedule-arn": event["resources"][0], "execution-id": event["id"],
              "attempt-number": "1"}  # fmt: skip
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", str(value))
    return text


def unknown_variable(transformer: dict[str, Any]) -> str | None:
    """Returns the template's first undefined variable."""
    known = {*transformer.get("InputPathsMap", {}), *_predefined({}, RuleOrigin("", ""))}
    names = (found["name"] for found in _VARIABLE.finditer(transformer["InputTemplate"]))
    return next((name for name in names if name not in known), None)


def _predefined(event: dict[str, Any], origin: RuleOrigin) -> dict[str, Any]:
    head = {"detailType" if key == "detail-type" else key: value for key, value in event.items() if key != "detail"}
    return {
        "aws.events.rule-arn": origin.arn,
        "aws.events.rule-name": origin.name,
        "aws.events.event.ingestion-time": event.get("time", ""),
        "aws.events.event": head,
        "aws.events.event.json": event,
    }


def _filled(transformer: dict[str, Any], event: dict[str, Any], origin: RuleOrigin) -> str:
    values = {name: part_of(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= _predefined(event, origin)
    template: str = transformer["InputTemplate"]
    is_json = template.lstrip()[:1] in {"{", "["}
    pieces: list[str] = []
    budget = Budget("The output of the template", MOST_INPUT)
    at = 0
    quoted = False

    @cache
    def shown(name: str, quoted: bool) -> str:
        return _shown(values[name], quoted=quoted, is_json=is_json)

    for found in _VARIABLE.finditer(template):
        before = template[at : found.start()]
        quoted ^= _quotes(before) % 2 == 1
        name = found["name"]
        value = shown(name, quoted) if name in values else found.group()
        budget.spend(len(before.encode()) + len(value.encode()))
        pieces += [before, value]
        at = found.end()
    budget.spend(len(template[at:].encode()))
    text = "".join([*pieces, template[at:]])
    if is_json:
        try:
            read_json(text)
        except ValueError as error:
            raise ValueError(f"the filled template is not JSON: {error}") from None
    return text


def _quotes(text: str) -> int:
    return len(re.findall(r'(?<!\\)"', text))


def _shown(value: Any, *, quoted: bool, is_json: bool) -> str:
    """Formats a value. Within quotes, text is inserted escaped, and other values without their quotes; outside, a value is JSON.

    Within quotes of a JSON template, a value other than text breaks the JSON, as on AWS.
    """
    if value is MISSING:
        return '""' if is_json and not quoted else ""
    if not quoted:
        return _json(value)
    if isinstance(value, str):
        return _json(value)[1:-1]
    return _json(value) if is_json else _json(value).replace('"', "")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
