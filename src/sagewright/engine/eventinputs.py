"""What a target is sent of an event: all of it, a part, a constant, or a template filled with parts.

Source: AWS's EventBridge user guide, "Transforming Amazon EventBridge target input".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]|\['(?P<quoted>[^']+)'\]")
_VARIABLE = re.compile(r"<(?P<name>[A-Za-z0-9_.\-]+)>")
MOST_INPUT = 1 << 20
MISSING = object()


class BadPath(Exception):
    """What is no path into an event."""


@dataclass(frozen=True)
class Origin:
    """The rule that matched, for templates that tell of it."""

    arn: str
    name: str


def read_path(text: str) -> list[str | int]:
    """The steps of `$.detail.name[0]`. Raises BadPath."""
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
    """What stands at the path, MISSING where nothing does. Raises BadPath."""
    for step in read_path(path):
        if isinstance(step, int):
            event = event[step] if isinstance(event, list) and step < len(event) else MISSING
        else:
            event = event.get(step, MISSING) if isinstance(event, dict) else MISSING
    return event


def input_of(target: dict[str, Any], event: dict[str, Any], origin: Origin) -> str:
    """The text that the target is sent. Raises BadPath, ValueError for a template that grows beyond MOST_INPUT bytes."""
    if "Input" in target:
        return scheduled(str(target["Input"]), event)
    if "InputPath" in target:
        part = part_of(event, target["InputPath"])
        return "" if part is MISSING else _json(part)
    if "InputTransformer" in target:
        return _filled(target["InputTransformer"], event, origin)
    return _json(event)


def scheduled(text: str, event: dict[str, Any]) -> str:
    """With the attributes of EventBridge Scheduler filled in, where it is that which sends the event.

    Source: its user guide, "Adding context attributes".
    """
    if event.get("source") != "aws.scheduler":
        return text
    values = {"scheduled-time": event["time"], "schedule-arn": event["resources"][0], "execution-id": event["id"],
              "attempt-number": "1"}  # fmt: skip
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", str(value))
    return text


def _filled(transformer: dict[str, Any], event: dict[str, Any], origin: Origin) -> str:
    values = {name: part_of(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": origin.arn,
        "aws.events.rule-name": origin.name,
        "aws.events.event.ingestion-time": event.get("time", ""),
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    template: str = transformer["InputTemplate"]
    pieces: list[str] = []
    size = at = 0
    quoted = False
    for found in _VARIABLE.finditer(template):
        before = template[at : found.start()]
        quoted ^= _quotes(before) % 2 == 1
        name = found["name"]
        value = _shown(values[name], quoted=quoted) if name in values else found.group()
        pieces += [before, value]
        size += len(before) + len(value)
        if size > MOST_INPUT:
            raise ValueError(f"the input is larger than {MOST_INPUT} bytes")
        at = found.end()
    return "".join([*pieces, template[at:]])


def _quotes(text: str) -> int:
    return len(re.findall(r'(?<!\\)"', text))


def _shown(value: Any, *, quoted: bool) -> str:
    """Inside of quotes text stands as it is, escaped; outside of them a value is JSON."""
    if value is MISSING:
        return ""
    if not quoted:
        return _json(value)
    text = value if isinstance(value, str) else _json(value)
    return _json(text)[1:-1]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
