"""Event buses: there is one, which is called default."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.registry import operation

BUS = "default"


def check_bus(context: Context, name_or_arn: str | None) -> None:
    """Raises ResourceNotFoundException for any other than the default one."""
    if name_or_arn not in {None, BUS, _arn(context)}:
        raise AwsError("ResourceNotFoundException", f"Event bus {str(name_or_arn).rpartition('/')[2]} does not exist.")


@operation("events", "DescribeEventBus", quick=True)
def describe_event_bus(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_bus(context, request.get("Name"))
    return {"Name": BUS, "Arn": _arn(context)}


@operation("events", "ListEventBuses", quick=True)
def list_event_buses(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    shown = BUS.startswith(request.get("NamePrefix", ""))
    return {"EventBuses": [{"Name": BUS, "Arn": _arn(context)}] if shown else []}


def _arn(context: Context) -> str:
    return f"arn:aws:events:{context.region}:{context.account}:event-bus/{BUS}"
