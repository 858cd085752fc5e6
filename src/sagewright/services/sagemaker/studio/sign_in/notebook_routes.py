"""Notebooks by the labels of their host names, for the front and for URLs that sign in."""

from __future__ import annotations

from typing import Any

from sagewright.engine.apps.app_routes import routes_of
from sagewright.model.aws.arns import id_of
from sagewright.model.notebooks.origins import APP, label_of
from sagewright.model.settings import Settings
from sagewright.store.database import Database

LAB = "JupyterLab"
GONE = frozenset({"Deleted", "Deleting", "Failed"})


def default_domain(account: str, region: str) -> str:
    """Returns the id of the server's own domain, the same at every start."""
    return "d-" + id_of("", f"domain {account} {region}").lower()[:12]


def notebooks_of(store: Database, settings: Settings) -> list[dict[str, Any]]:
    """Returns the notebooks that are there, as `front.notebooks.routes.Notebook`."""
    found = {}
    for route in routes_of(store, settings.account):
        if route["kind"] == APP and route["status"] in GONE:
            continue
        label = label_of_route(route, default_domain(settings.account, settings.region))
        found[label] = {
            "label": label,
            "id": route["space"] or route["id"],
            "name": route["name"],
            "status": route["status"],
            "directory": route["directory"],
        }
    return list(found.values())


def label_of_route(route: dict[str, Any], own_domain: str) -> str:
    """Returns the label of an app or notebook instance. The names of JupyterLab's spaces in the server's own domain are unique."""
    kind, app_type, space = route["kind"], route["app_type"], route["space"]
    plain = kind != APP or (app_type == LAB and bool(space) and route["domain"] == own_domain)
    owner = space or f"profile {route['name']}"
    name = (
        route["name"].lower() if kind == APP else route["name"]
    )  # spaces of one name in another case don't exist together
    return label_of(kind, name, f"{route['domain']} {owner} {app_type}", plain=plain)
