"""Fitted state of a node: the format of its trained_parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sagewright.wrangler.flows import Node
from sagewright.wrangler.schema import catalogue

FORM = 1


def fingerprint(checked: Mapping[str, Any]) -> str:
    return hashlib.sha1(json.dumps(checked, sort_keys=True, default=str).encode(), usedforsecurity=False).hexdigest()


def state_of(node: Node, checked: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Returns the member of the fitted state, and the state if it applies: ours if the parameters are the same, AWS's if it
    contains plain values."""
    declared = catalogue.find(node.operator)
    tool = declared.tool(node.title) if declared else None
    member = tool.member if tool is not None else ""
    trained = dict(node.trained or {})
    found = trained.get(member) if member else trained
    listed = found if isinstance(found, list) else [found]
    entries = [one for one in listed if isinstance(one, dict) and one and _applies(one, checked)]
    if not entries or len(entries) < len(listed):
        return member, None
    return member, {"columns": entries} if isinstance(found, list) else entries[0]


def _applies(entry: Mapping[str, Any], checked: Mapping[str, Any]) -> bool:
    if "_form" in entry:
        return bool(entry["_form"] == FORM and entry.get("_hash") == fingerprint(checked))
    return not any(name.endswith("_model") for name in entry)  # the text of a Spark model


def held(member: str, checked: Mapping[str, Any], fitted: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a node's trained_parameters with a fitted state."""
    mark = {"_hash": fingerprint(checked), "_form": FORM}
    if not member:
        return dict(fitted)
    if list(fitted) == ["columns"]:
        return {member: [{**mark, **entry} for entry in fitted["columns"]]}
    return {member: {**mark, **fitted}}
