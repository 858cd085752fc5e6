"""Grants: stored and returned, with verifiable tokens; `granted` has what they allow.

A token consists of the grant's id, random bytes, and their HMAC under a secret of the grant: each request gets a different one, and
none is stored. Source: "Grants in AWS KMS" (developer guide), the API reference of AWS KMS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.aws.kms.markers import marked, marker_of
from sagewright.services.aws.kms.specs import AGREE, ENCRYPT, MAC, PAIRS, SIGN, is_symmetric, spec_of, usage_of
from sagewright.services.aws.kms_keys import DISABLED, arn_of, not_found, refuse_pending, require_key, require_own
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND = "kms-grant"
MOST_LISTED = 50
_ID_BYTES, _RANDOM_BYTES = 32, 32
_EVERY = {"CreateGrant", "RetireGrant", "DescribeKey"}
_SYMMETRIC = {
    *("Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
}
_BY_USAGE = {
    ENCRYPT: {"Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo"},
    SIGN: {"Sign", "Verify"},
    MAC: {"GenerateMac", "VerifyMac"},
    AGREE: {"DeriveSharedSecret"},
}
_KEPT = (
    *("Name", "GranteePrincipal", "GranteeServicePrincipal", "RetiringPrincipal", "RetiringServicePrincipal"),
    *("Operations", "Constraints"),
)


@operation("kms", "CreateGrant")
def create_grant(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Creates a grant. A named one is created once: a repeated request returns it with another token."""
    key = require_own(context, request["KeyId"])
    refuse_pending(context, key)
    if key.status == DISABLED:
        raise AwsError("DisabledException", f"{arn_of(context, key.name)} is disabled.")
    _check(key, request)
    _check_dry_run(context, request)
    document = {name: request[name] for name in _KEPT if name in request}
    found = _same(resources.children(context.store, key.id), document)
    if found is None:
        grant_id = secrets.token_hex(_ID_BYTES)
        plain = base64.b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode()
        sealed = context.store.secrets.seal(plain, secret_of(grant_id))
        new = New(grant_id, document | {"Secret": sealed}, "", {}, parent=key.id)
        found = resources.create(context.store, _place_of(context), new)
    return {"GrantToken": _token(context.store, found), "GrantId": found.name}


@operation("kms", "ListGrants")
def list_grants(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_key(context, request["KeyId"])
    found = [one for one in resources.children(context.store, key.id) if one.kind == KIND]
    for member in ("GranteePrincipal", "GranteeServicePrincipal"):
        if member in request:
            found = [one for one in found if one.document.get(member) == request[member]]
    if "GrantId" in request:
        found = [one for one in found if one.name == request["GrantId"]]
    return _listed(context, request, [(one, key.name) for one in found])


@operation("kms", "ListRetirableGrants")
def list_retirable_grants(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    marker_of(request)
    given = [name for name in ("RetiringPrincipal", "RetiringServicePrincipal") if name in request]
    if len(given) != 1:
        raise ValidationException("Either RetiringPrincipal or RetiringServicePrincipal is required.")
    rows = resources.page(
        context.store, _place_of(context), PageRequest(sort_by="name", descending=False, limit=100_000)
    )
    found = [one for one in rows if one.document.get(given[0]) == request[given[0]]]
    keys = {key.id: key.name for key in resources.several(context.store, [one.parent for one in found])}
    return _listed(context, request, [(one, keys[one.parent]) for one in found if one.parent in keys])


@operation("kms", "RevokeGrant")
def revoke_grant(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_own(context, request["KeyId"])
    _ended(context, request, _of_key(context, key, request["GrantId"]))
    return {}


@operation("kms", "RetireGrant")
def retire_grant(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Retires a grant named by its token, or by its id and its key's ARN."""
    if "GrantToken" in request:
        grant = require_token(context, request["GrantToken"])
    elif "KeyId" in request and "GrantId" in request:
        grant = _of_key(context, require_own(context, request["KeyId"]), request["GrantId"])
    else:
        raise ValidationException("Either GrantToken, or both KeyId and GrantId are required.")
    _ended(context, request, grant)
    return {}


def require_token(context: Context, token: str) -> Resource:
    """Returns the grant of a token. Raises InvalidGrantTokenException."""
    try:
        decoded = base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        decoded = b""
    grant = resources.find(context.store, _place_of(context), decoded[:_ID_BYTES].hex())
    if grant is None or not hmac.compare_digest(
        _signed(context.store, grant, decoded[: _ID_BYTES + _RANDOM_BYTES]), decoded
    ):
        raise AwsError("InvalidGrantTokenException", "The grant token does not belong to an existing grant.")
    return grant


def secret_of(grant_id: str) -> str:
    """Returns the identity of a grant's sealed secret."""
    return f"{KIND}/{grant_id}"


def _token(store: Database, grant: Resource) -> str:
    text = bytes.fromhex(grant.name) + secrets.token_bytes(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(_signed(store, grant, text)).decode()


def _signed(store: Database, grant: Resource, text: bytes) -> bytes:
    secret = base64.b64decode(store.secrets.open(grant.document["Secret"], secret_of(grant.name)))
    return text + hmac.digest(secret, text, hashlib.sha256)


def _place_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _same(there: list[Resource], document: dict[str, Any]) -> Resource | None:
    """Returns the named grant with the same document."""
    if "Name" not in document:
        return None
    return next((one for one in there if {name: one.document.get(name) for name in document} == document), None)


def _of_key(context: Context, key: Resource, grant_id: str) -> Resource:
    grant = resources.find(context.store, _place_of(context), grant_id)
    if grant is None or grant.parent != key.id:
        raise not_found(f"Grant ID {grant_id} not found for key {arn_of(context, key.name)}")
    return grant


def _ended(context: Context, request: dict[str, Any], grant: Resource) -> None:
    _check_dry_run(context, request)
    resources.remove(context.store, grant, "", context.principal.arn)


def _check_dry_run(context: Context, request: dict[str, Any]) -> None:
    for token in request.get("GrantTokens") or ():
        require_token(context, token)
    if request.get("DryRun"):
        raise AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


def _check(key: Resource, request: dict[str, Any]) -> None:
    """Raises ValidationException, InvalidArnException."""
    if ("GranteePrincipal" in request) == ("GranteeServicePrincipal" in request):
        raise ValidationException("Either GranteePrincipal or GranteeServicePrincipal is required.")
    for member in ("GranteePrincipal", "RetiringPrincipal"):
        if member in request and request[member].count(":") < 5:
            raise AwsError("InvalidArnException", f"{request[member]} is not the ARN of a principal.")
    allowed = _EVERY | (_SYMMETRIC if is_symmetric(key) else _BY_USAGE[usage_of(key)])
    if spec_of(key) in PAIRS:
        allowed |= {"GetPublicKey"}
    if wrong := [name for name in request["Operations"] if name not in allowed]:
        raise ValidationException(f"The operation {wrong[0]} is not one of keys for {usage_of(key)} ({spec_of(key)}).")
    if request.get("Constraints") and not is_symmetric(key):
        raise ValidationException("Grant constraints are only for symmetric encryption keys.")


def _listed(context: Context, request: dict[str, Any], found: list[tuple[Resource, str]]) -> dict[str, Any]:
    """`found`: grants with the ids of their keys."""
    size = request.get("Limit", MOST_LISTED)
    page, token = paging.page_of(found, lambda one: [one[0].name], marker_of(request), size)
    return {"Grants": [_described(context, grant, key_id) for grant, key_id in page], **marked(token)}


def _described(context: Context, grant: Resource, key_id: str) -> dict[str, Any]:
    return {
        "KeyId": arn_of(context, key_id),
        "GrantId": grant.name,
        "CreationDate": to_datetime(grant.created_ms),
        "IssuingAccount": f"arn:aws:iam::{grant.account}:root",
        **{name: grant.document[name] for name in _KEPT if name in grant.document},
    }
