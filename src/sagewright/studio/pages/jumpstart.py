"""JumpStart: the catalogue of pretrained models, and which of them are on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.studio import tables
from sagewright.studio.tables import Chip, Choice, EmptyState, Listing, ListTab, Row, TableColumn
from sagewright.studio.visit import Visit, page

PATH = "/studio/jumpstart"
PUBLIC = {"HubName": "SageMakerPublicHub", "HubContentType": "Model"}
STATES = {"here": "Here", "not here": "Not here"}
START = EmptyState("No model matches", "sagewright models catalogue --task tc")
TABS = (("Models", PATH), ("Solutions", "/studio/solutions"))
_AT_ONCE = 100


def tabs(current: str) -> tuple[ListTab, ...]:
    return tuple(ListTab(label, link, label == current) for label, link in TABS)


@page("/jumpstart", "list.html", "jumpstart")
def jumpstart(visit: Visit) -> Listing:
    """Which models can be fine-tuned and deployed here, and which first need their weights."""
    every = models(visit)
    query = visit.query
    chosen = {name: query.get(name, "") for name in ("task", "state")}
    found = [one for one in every if all(not value or one[name] == value for name, value in chosen.items())]
    found.sort(key=lambda one: (one["state"] != "here", one["name"]))
    shown, position = tables.sliced(visit, found)
    columns = (
        TableColumn("Model", "name"),
        TableColumn("Here", "status"),
        TableColumn("Task", "text"),
        TableColumn("Version", "text", "", 2),
        TableColumn("What it does", "text", "", 1),
    )
    here = sum(one["state"] == "here" for one in every)
    return Listing(
        "JumpStart",
        columns,
        tuple(_row(one) for one in shown),
        START,
        f"{len(every):,} models, {here} here",
        **position,
        crumb="Data and tools",
        chips=tuple(_chip(visit, name, value) for name, value in chosen.items() if value) + _word(visit),
        views=tabs("Models"),
        choices=_choices(every, chosen),
        hint="Id contains…",
        q=query.get("q", ""),
        sdk_code=(
            (
                "SDK v2",
                "from sagemaker.jumpstart.notebook_utils import list_jumpstart_models\n\nlist_jumpstart_models()",
            ),
        ),
    )


def models(visit: Visit) -> list[dict[str, str]]:
    """Returns the models of the public hub whose ids contain the word in the URL: name, title, task, state, version."""
    request: dict[str, Any] = PUBLIC | {"NameContains": visit.query.get("q") or None, "MaxResults": _AT_ONCE}
    visit.client.note(
        "sagemaker", "ListHubContents", **{name: value for name, value in request.items() if value is not None}
    )
    found: list[dict[str, str]] = []
    token = None
    while True:
        listed = visit.client.aside("sagemaker", "ListHubContents", **request, NextToken=token)
        found += [_model(one) for one in listed["HubContentSummaries"]]
        token = listed.get("NextToken")
        if not token:
            return found


def _model(one: Mapping[str, Any]) -> dict[str, str]:
    said = dict(word[1:].split(":", 1) for word in one["HubContentSearchKeywords"] if word.startswith("@"))
    return {
        "name": one["HubContentName"],
        "what": one["HubContentDescription"],
        "task": said["task"],
        "state": said["state"],
        "version": one["HubContentVersion"],
    }


def _row(one: Mapping[str, str]) -> Row:
    return Row(
        one["name"],
        (
            tables.name(one["name"], f"{PATH}/{one['name']}"),
            tables.status(STATES[one["state"]]),
            tables.text(one["task"], look="soft"),
            tables.text(one["version"], look="soft"),
            tables.text(one["what"], look="soft cut2"),
        ),
    )


def _chip(visit: Visit, name: str, value: str) -> Chip:
    return Chip(name.capitalize(), STATES.get(value, value), visit.link(**{name: None}))


def _word(visit: Visit) -> tuple[Chip, ...]:
    word = visit.query.get("q")
    return (Chip("Id contains", word, visit.link(q=None)),) if word else ()


def _choices(every: list[dict[str, str]], chosen: Mapping[str, str]) -> tuple[Choice, ...]:
    tasks = sorted({one["task"] for one in every} | {chosen["task"]} - {""})
    return (
        Choice("task", "Task", (("", "Any task"), *((one, one) for one in tasks)), chosen["task"]),
        Choice("state", "Where", (("", "Here or not"), *STATES.items()), chosen["state"]),
    )
