"""The targets of a rule: PutTargets, RemoveTargets, ListTargetsByRule, ListRuleNamesByTarget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.events.deployment_plans import BadTarget, read_target
from sagewright.engine.events.input_transformers import BadPath, read_path, unknown_variable
from sagewright.engine.events.rules import PRINCIPAL, TARGETS, EventRule
from sagewright.engine.events.targets import TRAINING_JOB, service_of
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.aws.events.buses import bus_of
from sagewright.services.aws.events.rules import MOST_LISTED, all_rules, forget_in, locked, require_rule
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import resources

MOST_TARGETS = 5
PARAMETERS_NOT_SERVED = (
    "KinesisParameters",
    "RunCommandParameters",
    "EcsParameters",
    "BatchParameters",
    "RedshiftDataParameters",
    "AppSyncParameters",
)


@operation("events", "PutTargets")
def put_targets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rule = require_rule(context, request["Rule"], bus_of(context, request.get("EventBusName")))
    for target in request["Targets"]:
        _check_input(target)
    good, failed = _sorted_out(context, request["Targets"])

    def put(targets: dict[str, Any]) -> dict[str, Any]:
        changed = targets | {one["Id"]: one | {PRINCIPAL: context.principal.arn} for one in good}
        if len(changed) > MOST_TARGETS:
            raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
        return changed

    _change(context, rule, put)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("events", "RemoveTargets")
def remove_targets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rule = require_rule(context, request["Rule"], bus_of(context, request.get("EventBusName")))
    ids = request["Ids"]
    failed = [
        {
            "TargetId": one,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Target {one} does not exist on {rule.arn}.",
        }
        for one in ids
        if one not in rule.targets
    ]
    _change(context, rule, lambda targets: {key: value for key, value in targets.items() if key not in ids}, ids)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("events", "ListTargetsByRule")
def list_targets_by_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rule = require_rule(context, request["Rule"], bus_of(context, request.get("EventBusName")))
    page, token = paging.page_of(
        sorted(rule.targets.values(), key=lambda target: str(target["Id"])),
        lambda target: [target["Id"]],
        paging.decode(request.get("NextToken")),
        request.get("Limit", MOST_LISTED),
    )
    listed = [{key: value for key, value in target.items() if key != PRINCIPAL} for target in page]
    return {"Targets": listed, **({"NextToken": token} if token else {})} if listed else {"Targets": []}


@operation("events", "ListRuleNamesByTarget")
def list_rule_names_by_target(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, bus = request["TargetArn"], bus_of(context, request.get("EventBusName"))
    names = [rule.name for rule in all_rules(context, bus) if any(one["Arn"] == arn for one in rule.targets.values())]
    page, token = paging.page_of(
        names, lambda name: [name], paging.decode(request.get("NextToken")), request.get("Limit", MOST_LISTED)
    )
    return {"RuleNames": page, **({"NextToken": token} if token else {})}


def _change(
    context: Context,
    rule: EventRule,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    removed: list[str] | None = None,
) -> None:
    """Applies `change` to the rule's targets, and deletes the pending deliveries of `removed` ones."""
    with context.store.write() as connection:
        now = locked(connection, rule)
        document = now.document | {TARGETS: change(now.document.get(TARGETS, {}))}
        resources.change_in(connection, replace(now, document=document), context.principal.arn)
        for one in removed or ():
            forget_in(connection, f"{rule.id}/{one}")


def _sorted_out(context: Context, targets: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Returns the valid targets, and the error of each invalid one."""
    good: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for target in targets:
        try:
            _check(context, target)
        except AwsError as error:
            failed.append({"TargetId": target["Id"], "ErrorCode": error.code, "ErrorMessage": error.message})
        else:
            good.append(target)
    return good, failed


def _check(context: Context, target: dict[str, Any]) -> None:
    """Raises AwsError for a target that could not receive events; the others are still put."""
    arn = target["Arn"]
    kind = service_of(arn)
    if kind in {"", TRAINING_JOB}:
        raise ValidationException(
            f"Sagewright sends nothing to {arn}. Targets are SQS queues, SNS topics, log groups, Lambda functions, API "
            "destinations, event buses, SageMaker pipelines and, to deploy to, SageMaker endpoints."
        )
    if arn.split(":")[4] != context.account:
        raise ValidationException(f"The target {arn} is not in the account {context.account}.")
    if unserved := [member for member in PARAMETERS_NOT_SERVED if member in target]:
        raise ValidationException(f"Sagewright serves no targets with {unserved[0]}.")
    if kind == "endpoint":
        try:
            read_target(target)
        except BadTarget as error:
            raise ValidationException(f"Target {target['Id']}: {error}.") from None


def _check_input(target: dict[str, Any]) -> None:
    """Raises ValidationException, in which case no target of the request is put."""
    given = [member for member in ("Input", "InputPath", "InputTransformer") if member in target]
    if len(given) > 1:
        raise ValidationException(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}."
        )
    transformer = target.get("InputTransformer")
    if transformer and (unknown := unknown_variable(transformer)):
        raise ValidationException(f"InputTemplate for target {target['Id']} contains invalid placeholder {unknown}.")
    paths = [target["InputPath"]] if "InputPath" in target else []
    paths += list((target.get("InputTransformer") or {}).get("InputPathsMap", {}).values())
    for path in paths:
        try:
            read_path(path)
        except BadPath:
            raise ValidationException(f"Invalid InputPath for target {target['Id']}: '{path}'.") from None
    if "Input" in target:
        try:
            read_json(target["Input"])
        except ValueError:
            raise ValidationException(f"JSON syntax error in input for target {target['Id']}.") from None
