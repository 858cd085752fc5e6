"""Flow parameters: `{{name}}` in URIs and queries stands for the parameter's value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow

_HOLE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]{1,100})\s*\}\}")
MOST = 1000


def defaults(flow: Flow) -> dict[str, str]:
    """Returns the values in the flow's `parameters`: a list of objects with a name and a default value. Raises FlowError."""
    listed = flow.others.get("parameters") or []
    if not isinstance(listed, list) or len(listed) > MOST:
        raise FlowError(f"`parameters` has to be a list of at most {MOST} objects.")
    found: dict[str, str] = {}
    for one in listed:
        if not isinstance(one, dict):
            raise FlowError("`parameters` has to be a list of objects.")
        name = one.get("name") or one.get("parameter_name")
        value = next((one[key] for key in ("value", "default_value", "defaultValue", "default") if key in one), None)
        if isinstance(name, str) and value is not None:
            found[name] = str(value)
    return found


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Returns the text with the parameters' values. Raises FlowError for an unknown one."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise FlowError(f"There is no parameter {match[1]!r} for {text[:200]!r}.")
        return str(values[match[1]])

    return _HOLE.sub(value, text)
