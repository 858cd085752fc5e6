"""`sagewright deploy-rule`: rules whose target is an endpoint, created through the same operations as any rule."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from json import dumps, loads
from typing import Annotated, Any

import typer

from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.lean import ServiceError, lean_client, request
from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, print_json, print_rows

TARGET = "endpoint"
MOST_NAME = 64
COLOURS = {"Deployed": "green", "Failed": "red"}
Name = Annotated[str, typer.Argument(help="Name of the rule.")]
LISTED = [
    OutputColumn("rule", lambda one: str(one["Name"])),
    OutputColumn("state", lambda one: str(one["State"])),
    OutputColumn("group", lambda one: str(_group(one))),
    OutputColumn("endpoint", lambda one: str(one["Endpoint"])),
    OutputColumn("deployed", lambda one: _version(one["Deployment"].get("deployed", ""))),
    OutputColumn("status", lambda one: _status(one["Deployment"])),
    OutputColumn("arn", lambda one: str(one["Arn"]), wide=True),
]

app = typer.Typer(help="Rules that deploy approved versions: create, list, show, delete.", no_args_is_help=True)


@app.command()
def create(
    group: Annotated[str, typer.Option(help="The model package group whose approved versions are deployed.")],
    endpoint: Annotated[str, typer.Option(help="The endpoint, which is created if it does not exist.")],
    data: DataOption = None,
    instance_type: Annotated[
        str | None, typer.Option(help="The default is the first type that the version supports, else ml.m5.large.")
    ] = None,
    instances: Annotated[int, typer.Option(help="Number of instances.")] = 1,
    strategy: Annotated[
        str, typer.Option(help="all-at-once, canary:10%/5m, linear:20%/2m or rolling:50%/1m.")
    ] = "all-at-once",
) -> None:
    """From now on, deploy every version that is approved in the group to the endpoint."""
    from sagewright.cli.options import console

    settings = settings_of(data=data)
    rules = lean_client(settings, "events")
    named = name_of(group, endpoint)
    given = {"InstanceType": instance_type, "InstanceCount": str(instances), "Strategy": strategy}
    listed = [{"Name": key, "Value": value} for key, value in given.items() if value]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group]},
    }
    try:
        lean_client(settings, "sagemaker").describe_model_package_group(ModelPackageGroupName=group)
        arn = rules.put_rule(Name=named, EventPattern=dumps(pattern), Description=f"Deploys {group} to {endpoint}")
        target = {
            "Id": TARGET,
            "Arn": _endpoint_arn(arn["RuleArn"], endpoint),
            "SageMakerPipelineParameters": {"PipelineParameterList": listed},
        }
        failed = rules.put_targets(Rule=named, Targets=[target])["FailedEntries"]
    except ServiceError as error:
        refuse(error)
    if failed:
        rules.delete_rule(Name=named)
        fail(failed[0]["ErrorMessage"])
    console.print(f"the rule {named} deploys {group} to {endpoint}")


def name_of(group: str, endpoint: str) -> str:
    """Returns the rule's name, which is derived from the group and the endpoint."""
    name = f"deploy-{group}-to-{endpoint}"
    digest = hashlib.sha256(f"{group}/{endpoint}".encode()).hexdigest()[:8]
    return name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 9]}-{digest}"


def _endpoint_arn(rule_arn: str, endpoint: str) -> str:
    _, partition, _, region, account, _ = rule_arn.split(":", 5)
    return f"arn:{partition}:sagemaker:{region}:{account}:endpoint/{endpoint}"


@app.command("list")
def list_(data: DataOption = None, output: OutputOption = Format.TABLE, json: JsonOption = False) -> None:
    """List all rules whose target is an endpoint. JSON has the rules of ListRules, each with Endpoint and Deployment."""
    settings = settings_of(data=data)
    rules = lean_client(settings, "events")
    found = [
        {
            **rule,
            "Endpoint": target["Arn"].rpartition("/")[2],
            "Deployment": _state(settings, rule["Name"], target["Arn"]),
        }
        for page in rules.get_paginator("list_rules").paginate()
        for rule in page["Rules"]
        for target in _targets(rules, rule["Name"])
    ]
    print_rows(found, LISTED, chosen(output, json))


@app.command()
def show(name: Name, data: DataOption = None, json: JsonOption = False) -> None:
    """Show one rule: its source and target, the progress of its deployments, and who requested them.

    JSON is the response of DescribeRule with Targets, each with its progress as Deployment.
    """
    from rich.markup import escape
    from rich.table import Table

    from sagewright.cli.options import console

    settings = settings_of(data=data)
    rules = lean_client(settings, "events")
    try:
        rule = rules.describe_rule(Name=name)
    except ServiceError as error:
        refuse(error)
    if json:
        targets = [one | {"Deployment": _state(settings, name, one["Arn"])} for one in _targets(rules, name)]
        print_json(rule | {"Targets": targets})
        return
    console.print(f"[bold]{name}[/bold]  {rule['State']}")
    table = Table(box=None, show_header=False)
    table.add_row("group", escape(_group(rule)))
    for target in _targets(rules, name):
        table.add_row("endpoint", escape(target["Arn"].rpartition("/")[2]))
        for parameter in target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", []):
            table.add_row(escape(parameter["Name"]), escape(parameter["Value"]))
        state = _state(settings, name, target["Arn"])
        table.add_row("status", _coloured(state))
        if "package" in state:
            at = datetime.fromtimestamp(state["asked_ms"] / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            table.add_row("wanted", f"{_version(state['package'])} since {at} by {escape(state['asked_by'])}")
            table.add_row("deployed", _version(state["deployed"]) or "nothing yet")
        if state.get("message"):
            table.add_row("", escape(state["message"]))
    console.print(table)


@app.command()
def delete(name: Name, data: DataOption = None) -> None:
    """Delete a rule; the endpoint stays as it is."""
    from sagewright.cli.options import console

    rules = lean_client(settings_of(data=data), "events")
    try:
        ids = [target["Id"] for target in _targets(rules, name)]
        if ids:
            rules.remove_targets(Rule=name, Ids=ids)
        rules.delete_rule(Name=name)
    except ServiceError as error:
        refuse(error)
    console.print(f"{name} is deleted")


def _targets(rules: Any, name: str) -> list[dict[str, Any]]:
    """Returns those targets of a rule that are endpoints."""
    found = rules.list_targets_by_rule(Rule=name)["Targets"]
    return [target for target in found if ":sagemaker:" in target["Arn"] and ":endpoint/" in target["Arn"]]


def _state(settings: Any, name: str, arn: str) -> dict[str, Any]:
    states = request(settings, "GET", f"deployments/{name}")
    return next((state for state in states if state["target"] == arn), {})


def _group(rule: dict[str, Any]) -> str:
    detail = loads(rule.get("EventPattern", "{}")).get("detail", {})
    groups = detail.get("ModelPackageGroupName", [])
    return ", ".join(one if isinstance(one, str) else dumps(one) for one in groups)


def _version(arn: str) -> str:
    return arn.partition(":model-package/")[2]


def _status(state: dict[str, Any]) -> str:
    return str(state.get("status") or ("Waiting" if state.get("waiting") else "nothing approved yet"))


def _coloured(state: dict[str, Any]) -> str:
    status = _status(state)
    colour = COLOURS.get(status, "cyan")
    return f"[{colour}]{status}[/{colour}]"
