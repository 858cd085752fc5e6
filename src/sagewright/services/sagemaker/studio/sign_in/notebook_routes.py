"""Notebooks by the labels of their host names, for the front and for URLs that sign in."""

from __future__ import annotations

from typing import Any

from sagewright.engine.apps.app_routes import routes_of
from sagewright.model.notebooks.origins import APP, label_of
from sagewright.model.settings import Settings
from sagewright.services.sagemaker.studio.domains import own_domain_id
from sagewright.store.database import Database

LAB = "JupyterLab"
GONE = frozenset({"Deleted", "Deleting", "Failed"})


def notebooks_of(store: Database, settings: Settings) -> list[dict[str, Any]]:
    """Returns the existing notebooks, as `front.notebooks.routes.Notebook`."""
    found = {}
    for route in routes_of(store, settings.account):
        if route["kind"] == APP and route["status"] in GONE:
            continue
        label = label_of_route(route, settings)
        found[label] = {
            "label": label,
            "id": route["space"] or route["id"],
            "name": route["name"],
            "status": route["status"],
            "directory": route["directory"],
        }
    return list(found.values())


def label_of_route(route: dict[str, Any], settings: Settings) -> str:
    """Returns the label of an app or notebook instance.

    In the server's own region, the names of notebook instances are unique, and those of JupyterLab's spaces in its own domain.
    """
    kind, app_type, space = route["kind"], route["app_type"], route["space"]
    if kind == APP:
        own = own_domain_id(settings.account, settings.region)
        plain, scope = app_type == LAB and bool(space) and route["domain"] == own, route["domain"]
    else:
        plain = route["region"] == settings.region
        scope = "" if plain else route["region"]
    owner = space or f"profile {route['name']}"
    name = (
        route["name"].lower() if kind == APP else route["name"]
    )  # spaces of one name in another case don't exist together
    return label_of(kind, name, f"{scope} {owner} {app_type}", plain=plain)
