"""CreateHubContentPresignedUrls: addresses from which a model's files can be downloaded.

Source: AWS's API reference, CreateHubContentPresignedUrls, PresignedUrlAccessConfig, AuthorizedUrl.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sagewright.jumpstart import keys
from sagewright.model.errors import ValidationException
from sagewright.services.catalogue_bucket import provide_model
from sagewright.services.context import Context
from sagewright.services.paging import decode, page_of
from sagewright.services.registry import operation
from sagewright.services.sagemaker.hub import contents, public_contents
from sagewright.services.sagemaker.hub.contents import ContentName
from sagewright.services.sagemaker.hub.hubs import PUBLIC_HUB, hub_name, require_private
from sagewright.services.sagemaker.hub.public_contents import MODEL, REFERENCE
from sagewright.services.sagemaker.resources.catalogue_models import CatalogueUse, check_catalogue_model
from sagewright.store import identity

EXPIRES_S = 3600


@operation("sagemaker", "CreateHubContentPresignedUrls")
def create_hub_content_presigned_urls(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns an address for each file of a public model, or of one to which a private hub refers."""
    entry = public_contents.require(_model_name(context, request), request.get("HubContentVersion"))
    access = request.get("AccessConfig") or {}
    bucket, prefix = keys.content_bucket(context.region, gated=entry.gated), keys.model_prefix(entry.id, entry.version)
    expected = access.get("ExpectedS3Url")
    if expected is not None and expected.rstrip("/") != f"s3://{bucket}/{prefix}".rstrip("/"):
        raise ValidationException(
            f"ExpectedS3Url is {expected}, and the model's files are under s3://{bucket}/{prefix}."
        )
    accepted = bool(access.get("AcceptEula"))
    check_catalogue_model(context, f"s3://{bucket}/{prefix}", CatalogueUse.READ, accepted=accepted)
    provide_model(context.platform.objects, entry, context.region)
    found = [key for key, _ in context.platform.objects.list_keys(bucket, prefix)]
    after = decode(request.get("NextToken"))
    page, token = page_of(found, lambda key: [key], after, request.get("MaxResults", 100))
    urls = [{"Url": _presigned(context, bucket, key), "LocalPath": key.removeprefix(prefix)} for key in page]
    return {"AuthorizedUrlConfigs": urls} | ({"NextToken": token} if token else {})


def _model_name(context: Context, request: dict[str, Any]) -> str:
    """Returns the public model's name. Raises ResourceNotFound; ValidationException for a model without files in the catalogue."""
    kind, name = request["HubContentType"], str(request["HubContentName"])
    if hub_name(context, request["HubName"]) == PUBLIC_HUB and kind == MODEL:
        return name
    content = ContentName(require_private(context, request["HubName"]), kind, name)
    head = contents.find(context, content)
    if head is None:
        raise content.missing(request.get("HubContentVersion", ""))
    if kind != REFERENCE:
        raise ValidationException(
            f"{content.arn()} has no files in the catalogue: only a Model of {PUBLIC_HUB} or a {REFERENCE} has."
        )
    return str(head.document["SageMakerPublicHubContentArn"].split("/")[3])


def _presigned(context: Context, bucket: str, key: str) -> str:
    """Returns the address of an object, signed with the caller's own key."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    found = identity.find_key(context.store, context.principal.access_key)
    assert found is not None
    signer = S3SigV4QueryAuth(
        Credentials(found.id, found.secret, found.session_token), "s3", context.region, expires=EXPIRES_S
    )
    request = AWSRequest("GET", f"{context.base_url}/{bucket}/{quote(key)}")
    signer.add_auth(request)
    return str(request.url)
