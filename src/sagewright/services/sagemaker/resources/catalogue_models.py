"""Checks of model data in the catalogue's buckets, when a job or a model names it: the licence, and whether the weights are here.

What is here is written to the bucket at that moment, so that hosts find it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sagewright.jumpstart import keys
from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.jumpstart.keys import KeyKind
from sagewright.jumpstart.offers import offers
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.catalogue_bucket import provide_model
from sagewright.services.context import Context


class CatalogueUse(StrEnum):
    """Purposes for which model data is named."""

    READ = "read"
    TRAIN = "train"
    HOST = "host"


def check_catalogue_model(context: Context, uri: str, use: CatalogueUse, *, accepted: bool = False) -> None:
    """Raises ValidationException if `uri` names a model of the catalogue whose weights are not here, whose licence is not
    `accepted`, or that can't be put to the `use`."""
    try:
        place = read_s3_uri(uri)
    except ValueError:
        return
    if not keys.is_content_bucket(place.bucket):
        return
    found = keys.parse_key(place.key)
    if found is None:
        return
    entry = offers().get(found.id)
    if entry is None or entry.version != found.version:
        raise ValidationException(f"JumpStart's catalogue has no model '{found.id}' version {found.version}.")
    if found.kind is KeyKind.MODEL:
        if entry.gated and not accepted:
            raise ValidationException(
                f"Model '{entry.id}' requires accepting its end-user license agreement ({entry.source}): set AcceptEula."
            )
        if not entry.here and not is_added(context, entry, place.bucket):
            raise ValidationException(not_here(entry))
        if use is CatalogueUse.HOST and not entry.hosted:
            raise ValidationException(
                f"Model '{entry.id}' answers only once it has been trained: fit JumpStartEstimator(model_id='{entry.id}'), "
                "and deploy that."
            )
        if use is CatalogueUse.TRAIN and not entry.tunable:
            raise ValidationException(f"No script here fine-tunes '{entry.id}' (task {entry.task}).")
    provide_model(context.platform.objects, entry, place.bucket.rpartition("-prod-")[2])


def added_models(context: Context, region: str) -> set[str]:
    """Returns the ids of the models to which weights have been added."""
    found: set[str] = set()
    for gated in (False, True):
        try:
            listed = context.platform.objects.list_keys(keys.content_bucket(region, gated=gated), keys.MODELS)
            parsed = (keys.parse_key(key) for key, _ in listed if key.endswith(keys.ADDED))
            found.update(each.id for each in parsed if each is not None)
        except AwsError as error:
            if error.status >= 500:
                raise
    return found


def is_added(context: Context, entry: CatalogueEntry, bucket: str) -> bool:
    """True if `sagewright models add` has put the model's weights into the bucket."""
    try:
        return context.platform.objects.exists_any(bucket, keys.model_prefix(entry.id, entry.version) + keys.ADDED)
    except AwsError as error:
        if error.status >= 500:
            raise
        return False


def accepts_licence(source: dict[str, Any] | None) -> bool:
    """True if an S3DataSource accepts the licence of the model that it names."""
    return bool(((source or {}).get("ModelAccessConfig") or {}).get("AcceptEula"))


def not_here(entry: CatalogueEntry) -> str:
    """Returns the message that names the command which helps."""
    source = f" ({entry.source})" if entry.source else ""
    return (
        f"Model data of '{entry.id}' is not on this machine. Add it once: sagewright models add {entry.id} "
        f"<Hugging Face folder or .safetensors>{source}"
    )
