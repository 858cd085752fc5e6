"""Releases of endpoints: shadow tests, and rules that deploy approved versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagewright.model.documents import read_json
from sagewright.studio import tables, wording
from sagewright.studio.buttons import Button, Field
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import EmptyState, Listing, ListSource, ListTab, Row, TableColumn
from sagewright.studio.visit import Visit, page

TESTS = EmptyState(
    "No shadow test yet",
    "import boto3\n\n"
    'boto3.client("sagemaker").create_inference_experiment(Name="next", Type="ShadowMode", RoleArn=role, EndpointName="churn",\n'
    "    ModelVariants=[production, shadow], ShadowModeConfig=config)",
)
RULES = EmptyState("No rule yet", "sagewright models deploy-rules create --group churn --endpoint churn")
RULES_SOURCE = ListSource(
    "ListRules", "Rules", name_filter="NamePrefix", service="events", named="Name begins with", size="Limit"
)
ORDERS = {"name": "Name", "status": "Status", "made": "CreationTime"}
TABS = (("Endpoints", "/studio/endpoints"), ("Shadow tests", "/studio/shadow-tests"), ("Rules", "/studio/rules"))


def tabs(current: str) -> tuple[ListTab, ...]:
    return tuple(ListTab(label, link, label == current) for label, link in TABS)


@page("/shadow-tests", "list.html", "endpoints", ("inference-experiment",))
def shadow_tests(visit: Visit) -> Listing:
    source = ListSource("ListInferenceExperiments", "InferenceExperiments", ORDERS, "-made")
    read = tables.read(visit, source)
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Status", "status", "status"),
        TableColumn("Why", "text", "", 2),
        TableColumn("Created", "time", "made"),
    )
    rows = tuple(
        Row(
            one["Name"],
            (
                tables.name(one["Name"], f"/studio/shadow-tests/{one['Name']}"),
                tables.status(one["Status"]),
                tables.text(one.get("StatusReason") or one.get("Description", ""), look="soft cut2"),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in read.rows
    )
    return Listing(
        "Shadow tests",
        columns,
        rows,
        TESTS,
        crumb="Ship",
        **read.position,
        chips=read.chips,
        views=tabs("Shadow tests"),
        q=visit.query.get("q", ""),
        sorted_by=read.sorted_by,
    )


@dataclass(frozen=True)
class TestedVariant:
    name: str
    model: str
    status: str
    role: str


@dataclass(frozen=True)
class ShadowTestView:
    name: str
    status: str
    reason: str
    endpoint: str
    started: datetime | None
    ended: datetime | None
    sampling: str
    variants: tuple[TestedVariant, ...]
    acts: tuple[Button, ...]


@page("/shadow-tests/{name}", "shadowtest.html", "endpoints", ("inference-experiment", "endpoint"))
def shadow_test(visit: Visit) -> ShadowTestView:
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeInferenceExperiment", Name=name)
    mode = found.get("ShadowModeConfig", {})
    shadows = {one["ShadowModelVariantName"]: one["SamplingPercentage"] for one in mode.get("ShadowModelVariants", [])}
    schedule = found.get("Schedule", {})
    variants = tuple(
        TestedVariant(
            one["VariantName"],
            one["ModelName"],
            one.get("Status", ""),
            "shadow" if one["VariantName"] in shadows else "production",
        )
        for one in found.get("ModelVariants", [])
    )
    return ShadowTestView(
        name,
        found["Status"],
        found.get("StatusReason", ""),
        found["EndpointMetadata"]["EndpointName"],
        schedule.get("StartTime"),
        schedule.get("EndTime"),
        ", ".join(f"{share} % to {one}" for one, share in shadows.items()),
        variants,
        _verdicts(name, found),
    )


def _verdicts(name: str, found: Mapping[str, Any]) -> tuple[Button, ...]:
    if found["Status"] not in ("Running", "Starting", "Created"):
        return ()
    mode = found.get("ShadowModeConfig", {})
    production = mode.get("SourceModelVariantName", "")
    shadow = next((one["ShadowModelVariantName"] for one in mode.get("ShadowModelVariants", [])), "")
    back = f"/studio/shadow-tests/{name}"
    reason = (Field("Reason", "Reason, kept with the decision"),)

    def ended(actions: dict[str, str]) -> OperationCall:
        return OperationCall(
            "sagemaker",
            "StopInferenceExperiment",
            {"Name": name, "ModelVariantActions": actions, "DesiredState": "Completed"},
        )

    promote = ended({production: "Remove", shadow: "Promote"})
    keep = ended({production: "Retain", shadow: "Remove"})
    return (
        Button(f"Promote {shadow}…", promote, f"Promoting {shadow}", "main", "", reason, back=back),
        Button(f"Keep {production}…", keep, f"Keeping {production}", "", "", reason, back=back),
    )


@page("/rules", "list.html", "endpoints", ("rule", "deployment"))
def rules(visit: Visit) -> Listing:
    """Rules of EventBridge, with the state of their deployments."""
    read = tables.read(visit, RULES_SOURCE)
    columns = (
        TableColumn("Rule", "name"),
        TableColumn("State", "status"),
        TableColumn("When", "text", "", 1),
        TableColumn("Targets", "text"),
        TableColumn("Deployment", "text", "", 2),
    )
    rows = []
    for one in read.rows:
        targets = visit.client.aside("events", "ListTargetsByRule", Rule=one["Name"]).get("Targets", [])
        states = visit.client.readings.deployments(one["Name"])
        rows.append(
            Row(
                one["Name"],
                (
                    tables.text(one["Name"]),
                    tables.status(one.get("State", "")),
                    tables.text(
                        one.get("ScheduleExpression") or _pattern(one.get("EventPattern", "")), look="soft cut2"
                    ),
                    tables.text(", ".join(wording.name_of(each["Arn"]) for each in targets), _target(targets)),
                    tables.text("; ".join(states), look="soft"),
                ),
            )
        )
    acts = (
        Button("Enable", OperationCall("events", "EnableRule", {}), "Enabled {n}", each="Name", back="/studio/rules"),
        Button(
            "Disable", OperationCall("events", "DisableRule", {}), "Disabled {n}", each="Name", back="/studio/rules"
        ),
    )
    return Listing(
        "Rules",
        columns,
        tuple(rows),
        RULES,
        crumb="Ship",
        views=tabs("Rules"),
        acts=acts,
        hint="Name begins with…",
        q=visit.query.get("q", ""),
        chips=read.chips,
        **read.position,
    )


def _pattern(text: str) -> str:
    """Writes an event pattern in one line: its source, type and details."""
    try:
        pattern = read_json(text)
    except ValueError:
        return text
    if not isinstance(pattern, dict):
        return text
    kinds = ", ".join(str(one) for one in pattern.get("detail-type", []))
    detail = ", ".join(f"{key} {json.dumps(value)}" for key, value in (pattern.get("detail") or {}).items())
    return f"{kinds}: {detail}" if detail else kinds or text


def _target(targets: list[dict[str, Any]]) -> str:
    endpoint = next((each["Arn"] for each in targets if ":endpoint/" in each["Arn"]), "")
    return f"/studio/endpoints/{wording.name_of(endpoint)}" if endpoint else ""
