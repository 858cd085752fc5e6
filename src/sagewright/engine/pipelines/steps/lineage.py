"""Lineage steps: actions, artifacts and contexts, and associations between them or with existing entities.

Source: the contract's pipelines.md, and SDK v3's `LineageStep`. As everywhere in lineage, an existing entity is used unchanged, so
a step that was interrupted, or runs again in another execution, creates nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.engine.pipelines.step_records import StepRecord
from sagewright.engine.pipelines.steps.base import AtOnce, StepContext, StepObservation
from sagewright.model.errors import AwsError
from sagewright.pipelines.errors import BadReference
from sagewright.pipelines.plan import StepStatus

ENTITIES = {"Actions": "Action", "Artifacts": "Artifact", "Contexts": "Context"}
ASSOCIATIONS = "Associations"
MOST = 50
"""Maximum number of entities and of associations in one step. AWS documents at most 5 of each kind and 10 associations."""
Document = dict[str, Any]


def _record_lineage(context: StepContext, record: StepRecord) -> StepObservation:
    arguments: Mapping[str, Any] = record.arguments or {}
    if unknown := sorted(arguments.keys() - {*ENTITIES, ASSOCIATIONS}):
        raise BadReference(f"Unknown Argument member '{unknown[0]}'")
    lists = {member: _documents(arguments, member) for member in (*ENTITIES, ASSOCIATIONS)}
    if sum(map(len, lists.values())) > MOST:
        raise BadReference(f"A Lineage step has at most {MOST} entities and associations.")
    arns: dict[str, dict[str, str]] = {noun: {} for noun in ENTITIES.values()}
    for member, noun in ENTITIES.items():
        for request in lists[member]:
            arn = _entity(context, noun, request)
            arns[noun][str(request.get(f"{noun}Name") or arn)] = arn
    described: Document = {f"{noun}Arns": found for noun, found in arns.items() if found}
    links = [_associate(context, one, arns) for one in lists[ASSOCIATIONS]]
    described |= {ASSOCIATIONS: links} if links else {}
    return StepObservation(StepStatus.SUCCEEDED, {"Lineage": described}, described)


def _documents(arguments: Mapping[str, Any], member: str) -> list[Document]:
    given = arguments.get(member) or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BadReference(f"{member} of a Lineage step must be a list of structures.")
    return given


def _entity(context: StepContext, noun: str, request: Document) -> str:
    try:
        made = context.invoke(f"Create{noun}", request)
    except AwsError as error:
        if "already exists" not in error.message:
            raise
        made = context.invoke(f"Describe{noun}", {f"{noun}Name": request[f"{noun}Name"]})
    return str(made[f"{noun}Arn"])


def _associate(context: StepContext, given: Document, arns: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    request = {f"{end}Arn": _end(given.get(end), end, arns) for end in ("Source", "Destination")}
    kind = {"AssociationType": given["AssociationType"]} if given.get("AssociationType") else {}
    context.invoke("AddAssociation", request | kind)
    return request


def _end(given: Any, end: str, arns: Mapping[str, Mapping[str, str]]) -> str:
    """Returns the ARN at one end of an association: given directly, or by the name and type of an entity of the same step."""
    if not isinstance(given, dict):
        raise BadReference(f"An association of a Lineage step needs a {end} with an Arn, or a Name and a Type.")
    if given.get("Arn"):
        return str(given["Arn"])
    found = arns.get(str(given.get("Type")), {}).get(str(given.get("Name")))
    if found is None:
        raise BadReference(
            f"The {end} of an association, {given.get('Type')} '{given.get('Name')}', is not of this step."
        )
    return found


LINEAGE = AtOnce(_record_lineage)
