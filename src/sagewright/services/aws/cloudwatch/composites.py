"""PutCompositeAlarm: an alarm whose state is derived from other alarms.

Source: CloudWatch's API reference, PutCompositeAlarm.
"""

from __future__ import annotations

from typing import Any

from sagewright.engine.monitoring.alarm_rules import BadRule, read_rule
from sagewright.engine.monitoring.alarms import KIND
from sagewright.model.errors import AwsError
from sagewright.services.aws.cloudwatch.alarms import put_alarm
from sagewright.services.aws.cloudwatch.periods import invalid
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

NOT_SERVED = (
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
    "ActionConfiguration",
)
ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


@operation("cloudwatch", "PutCompositeAlarm")
def put_composite_alarm(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    for name in NOT_SERVED:
        if request.get(name) is not None:
            raise invalid(f"Sagewright does not serve {name} of PutCompositeAlarm.")
    for action in (one for name in ACTIONS for one in request.get(name) or ()):
        if ":autoscaling:" in action:
            raise AwsError("ValidationError", f"A composite alarm has no scaling policies as actions: {action}")
    _check_rule(context, request)
    document = {key: value for key, value in request.items() if key not in {"AlarmName", "Tags"}}
    put_alarm(context, request, {"ActionsEnabled": True, **document})
    return {}


def _check_rule(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationError."""
    try:
        rule = read_rule(request["AlarmRule"])
    except BadRule as error:
        raise AwsError("ValidationError", f"Invalid AlarmRule: {error}") from None
    scope = ResourceScope(KIND, context.account, context.region)
    absent = [name for name in rule.children if resources.find(context.store, scope, name) is None]
    if absent:
        message = f"Could not save the composite alarm as alarms [{', '.join(absent)}] in the alarm rule do not exist"
        raise AwsError("ValidationError", message)
