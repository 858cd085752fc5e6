"""Pages of the resources that notebooks use: tabs, one resource's page, and the form for a new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sagewright.studio.buttons import Button
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.tables import ListTab
from sagewright.studio.visit import Visit

TABS = (
    ("spaces", "Spaces and instances", BACK),
    ("jobs", "Notebook jobs", f"{BACK}/jobs"),
    ("profiles", "User profiles", f"{BACK}/profiles"),
    ("images", "Images", f"{BACK}/images"),
    ("configs", "Image configurations", f"{BACK}/image-configs"),
    ("scripts", "Life-cycle scripts", f"{BACK}/scripts"),
)


def tabs(here: str, **counts: str) -> tuple[ListTab, ...]:
    """Returns the tabs of all notebook pages. `counts`: texts with counts, by tab id."""
    return tuple(ListTab(label, link, key == here, counts.get(key, "")) for key, label, link in TABS)


@dataclass(frozen=True)
class ResourceLine:
    """A part of a resource, a row of its table. `acts`: its buttons."""

    name: str
    status: str
    about: str
    made: datetime
    acts: tuple[Button, ...]


@dataclass(frozen=True)
class ResourceView:
    """`kind`: its noun; `home`: label and URL of its list; `settings`: paths of members with their values; `scripts`: label and
    text of each; `parts`: label of the table, and its rows."""

    title: str
    kind: str
    home: tuple[str, str]
    arn: str
    made: datetime
    changed: datetime
    acts: tuple[Button, ...]
    status: str = ""
    reason: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    scripts: tuple[tuple[str, str], ...] = ()
    parts: tuple[str, tuple[ResourceLine, ...]] = ("", ())


@dataclass(frozen=True)
class NewField:
    """A field of the form of a new resource: a choice if it has options, of several lines if it has rows."""

    name: str
    label: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    rows: int = 1
    hint: str = ""
    required: bool = True


@dataclass(frozen=True)
class NewResourceView:
    """`fault`: why nothing was created."""

    title: str
    home: tuple[str, str]
    address: str
    fields: tuple[NewField, ...]
    fault: str = ""

    def given(self, fields: Mapping[str, str], fault: str) -> NewResourceView:
        """Returns the form with the user's input."""
        kept = tuple(replace(one, value=fields.get(one.name, one.value)) for one in self.fields)
        return replace(self, fields=kept, fault=fault)


def role(visit: Visit) -> str:
    return f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole"


def flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yields the paths of members with their values."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            plain = [str(one) for one in value if not isinstance(one, dict)]
            if plain:
                yield f"{before}{name}", ", ".join(plain)
            for number, one in enumerate(value):
                if isinstance(one, dict):
                    yield from flat(one, f"{before}{name}[{number}].")
        else:
            yield f"{before}{name}", str(value)
