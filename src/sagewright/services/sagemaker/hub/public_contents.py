"""Contents of the public hub: the catalogue's models, as DescribeHubContent and the lists return them."""

from __future__ import annotations

import functools
import json
from typing import Any

from sagewright.jumpstart import keys
from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.jumpstart.hubdocuments import SCHEMA_VERSION, hub_document
from sagewright.jumpstart.offers import offers
from sagewright.model.aws.statuses import HubContentStatus
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.sagemaker.hub.hubs import PUBLIC_HUB, public_hub_arn
from sagewright.services.sagemaker.hub.versions import is_version
from sagewright.services.sagemaker.resources.catalogue_models import is_added

MODEL, REFERENCE = "Model", "ModelReference"
SINCE_MS = 1_609_459_200_000
MOST_NAME = 63
"""The longest name that the API allows for a content; some ids of AWS's are longer, and only their bucket has them."""


@functools.cache
def contents() -> dict[str, CatalogueEntry]:
    """Returns the models that a hub can name, by id."""
    return {id_: entry for id_, entry in offers().items() if len(id_) <= MOST_NAME and is_version(entry.version)}


def content_arn(region: str, entry: CatalogueEntry) -> str:
    return f"arn:aws:sagemaker:{region}:aws:hub-content/{PUBLIC_HUB}/{MODEL}/{entry.id}/{entry.version}"


def summary(region: str, entry: CatalogueEntry, *, here: bool) -> dict[str, Any]:
    """Returns a model as the lists show it; `here`: its weights are on this machine."""
    return {
        "HubContentName": entry.id,
        "HubContentArn": content_arn(region, entry),
        "HubContentVersion": entry.version,
        "HubContentType": MODEL,
        "DocumentSchemaVersion": SCHEMA_VERSION,
        "HubContentDisplayName": entry.title,
        "HubContentDescription": entry.description[:1023],
        "SupportStatus": "Supported",
        "HubContentSearchKeywords": keywords(entry, here=here),
        "HubContentStatus": HubContentStatus.AVAILABLE.value,
        "CreationTime": to_datetime(SINCE_MS),
    }


def keywords(entry: CatalogueEntry, *, here: bool) -> list[str]:
    """Returns the words by which clients filter, in the form of AWS's public hub, and whether the weights are here."""
    first = () if entry.hosted else ("@deploy:after training",)
    return [
        f"@framework:{entry.framework}",
        f"@task:{entry.task}",
        f"@state:{'here' if here else 'not here'}",
        *first,
        *entry.keywords,
    ]


def described(context: Context, entry: CatalogueEntry) -> dict[str, Any]:
    """Returns DescribeHubContent's response for a model."""
    here = entry.here or is_added(context, entry, keys.content_bucket(context.region, gated=entry.gated))
    found = summary(context.region, entry, here=here)
    found |= {
        "HubName": PUBLIC_HUB,
        "HubArn": public_hub_arn(context.region),
        "HubContentMarkdown": f"# {entry.title}\n\n{entry.description}",
        "HubContentDocument": json.dumps(hub_document(entry, context.region)),
        "HubContentDependencies": [],
        "LastModifiedTime": to_datetime(SINCE_MS),
    }
    return found


def require(name: str, version: str | None = None) -> CatalogueEntry:
    """Returns a model of the public hub. Raises ResourceNotFound."""
    found = contents().get(name)
    if found is None or version not in (None, "", "*", found.version):
        of_version = f" version {version}" if found is not None else ""
        raise ResourceNotFound(f"Hub content {PUBLIC_HUB}/{MODEL}/{name}{of_version} does not exist.")
    return found
