"""Associations between the entities of lineage: Add, Delete, List.

Source: AWS's API reference, AddAssociation and ListAssociations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.experiments.experiments import CREATED
from sagewright.services.sagemaker.experiments.tracked import by
from sagewright.services.sagemaker.experiments.trial_component_shapes import SOURCE_TYPES
from sagewright.services.sagemaker.lineage.lineage_entities import LINEAGE_TYPES, checked_type, entity, name_of
from sagewright.store.listing import Condition
from sagewright.store.resources import lineage, resources
from sagewright.store.resources.lineage import Association, AssociationDraft

SORTS = {
    "SourceArn": "source_arn",
    "DestinationArn": "destination_arn",
    "SourceType": "source_type",
    "DestinationType": "destination_type",
    "CreationTime": "at_ms",
}
LIST = ListSpec(
    "AssociationSummaries",
    SORTS,
    descending=True,
    filters={name: ("at_ms", held) for name, (_, held) in CREATED.items()},
    ties=("id",),
)
ENDS = {"Source": False, "Destination": True}
SHORT = {name.removeprefix("SageMaker"): name for name in SOURCE_TYPES.values()}
"""Short names that SDKs use in filters for the types of jobs' trial components."""


@operation("sagemaker", "AddAssociation")
def add_association(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    source, _ = entity(context, request["SourceArn"])
    destination, _ = entity(context, request["DestinationArn"])
    link = AssociationDraft(source, destination, request.get("AssociationType", ""), context.principal.arn)
    try:
        with context.store.write() as connection:  # prevents either from being deleted meanwhile
            for end in sorted((source, destination), key=lambda one: one.id):
                if resources.locked_in(connection, end.id) is None:
                    raise ResourceNotFound(f"'{end.arn}' does not exist.")
            lineage.associate_in(connection, (context.account, context.region), link)
    except IntegrityError:  # another request has created the same association
        pass
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "DeleteAssociation")
def delete_association(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    source, _ = entity(context, request["SourceArn"])
    destination, _ = entity(context, request["DestinationArn"])
    with context.store.write() as connection:
        if not lineage.dissociate_in(connection, source.id, destination.id):
            raise ResourceNotFound(f"There is no association from '{source.arn}' to '{destination.arn}'.")
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "ListAssociations")
def list_associations(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    conditions = [*lineage.within(context.account, context.region)]
    for noun, forward in ENDS.items():
        if f"{noun}Arn" in request:
            conditions.append(lineage.is_end(entity(context, request[f"{noun}Arn"])[0].id, forward=forward))
        if f"{noun}Type" in request:
            conditions.append(_typed(context, checked_type(request[f"{noun}Type"]), forward=forward))
    if "AssociationType" in request:
        conditions.append(lineage.has_type(request["AssociationType"]))
    return LIST.answer(
        request,
        lambda page: lineage.page(context.store, page, *conditions),
        lambda rows: _summaries(context, rows),
    )


def _typed(context: Context, name: str, *, forward: bool) -> Condition:
    """Matches the entity's user-defined type, or the kind of entity, as SDKs do for contexts and actions."""
    kinds = {shown: arn_type for arn_type, shown in LINEAGE_TYPES.items()}
    start = sagemaker_arn(context.region, context.account, kinds[name], "") if name in kinds else ""
    return lineage.end_has_type(start, [name, SHORT.get(name, name)], forward=forward)


def _summaries(context: Context, rows: Sequence[Association]) -> Iterable[dict[str, Any]]:
    ids = list({one for row in rows for one in (row.source, row.destination)})
    names = {one.id: name_of(one) for one in resources.several(context.store, ids)}
    for row in rows:
        described = {
            "SourceArn": row.source_arn,
            "DestinationArn": row.destination_arn,
            "SourceType": row.source_type,
            "DestinationType": row.destination_type,
            "AssociationType": row.type,
            "SourceName": names.get(row.source),
            "DestinationName": names.get(row.destination),
            "CreatedBy": by(row.principal) if row.principal else None,
        }
        yield {name: value for name, value in described.items() if value} | {"CreationTime": to_datetime(row.at_ms)}
