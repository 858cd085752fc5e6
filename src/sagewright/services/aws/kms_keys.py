"""Resolves the key that a request names, by id, ARN or alias.

Source: "Key identifiers (KeyId)" and "Key states" (AWS KMS developer guide), the API reference of AWS KMS.
"""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
import uuid
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.model.errors import AccessDenied, AwsError
from sagewright.services.context import Context
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND = "kms-key"
ALIAS = "kms-alias"
ENABLED, DISABLED, PENDING, PENDING_IMPORT = "Enabled", "Disabled", "PendingDeletion", "PendingImport"
WAITING = {PENDING: "pending deletion", PENDING_IMPORT: "pending import"}
"""States in which a key can't be used, in the wording of the error messages."""
MATERIAL_BYTES = 32
MANAGED = frozenset(
    f"alias/aws/{service}" for service in ("ebs", "ecr", "elasticfilesystem", "s3", "sagemaker", "sns", "sqs")
)
"""Aliases of keys that AWS creates on first use."""
DESCRIPTIONS = {"s3": "Default key that protects my S3 objects when no other key is defined"}
"""Known descriptions of keys that AWS creates."""
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
"""Key ids; those of multi-Region keys begin with mrk-."""


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def alias_place(context: Context) -> ResourceScope:
    return ResourceScope(ALIAS, context.account, context.region)


def arn_of(context: Context, name: str) -> str:
    """Returns the ARN of an alias, recognised by its prefix, or of a key."""
    return f"arn:aws:kms:{context.region}:{context.account}:{name if name.startswith('alias/') else f'key/{name}'}"


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message)


def absent(context: Context, key_id: str) -> AwsError:
    return not_found(f"Key '{arn_of(context, key_id)}' does not exist")


def material_of(store: Database, key_id: str, plain: bytes, material_id: str = "") -> dict[str, Any]:
    """Returns new material, sealed, in the format of a key's document. `material_id`: a random one by default."""
    named = material_id or secrets.token_hex(32)
    sealed = store.secrets.seal(base64.b64encode(plain).decode(), secret_of(key_id, named))
    return {"Material": sealed, "MaterialId": named}


def opened(store: Database, key_id: str, material: dict[str, Any]) -> bytes:
    """Returns the bytes of material. Raises MasterKeyFault."""
    identity = secret_of(key_id, material["MaterialId"])
    return base64.b64decode(store.secrets.open(material["Material"], identity))


def secret_of(key_id: str, material_id: str) -> str:
    """Returns the identity of sealed material."""
    return f"{KIND}/{key_id}/{material_id}"


def materials(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns all material of a key, oldest first: the last one encrypts. Keys of earlier versions have one, stored in their own
    members."""
    if "Materials" in document:
        return list(document["Materials"])
    return [{name: document[name] for name in ("Material", "MaterialId")}]


def find_key(context: Context, key_id: str) -> Resource | None:
    """Returns None also for a key whose waiting period has ended. A key whose imported material has expired waits for an import."""
    key = resources.find(context.store, scope_of(context), key_id)
    return None if key is None or is_over(key) else as_of_now(key)


def as_of_now(key: Resource) -> Resource:
    """Returns the key in its current state, which depends on the time and not only on the last write."""
    if key.status not in {ENABLED, DISABLED} or key.document.get("Origin") != "EXTERNAL":
        return key
    now = now_ms()
    expired = any(one.get("ValidToMs", now + 1) <= now for one in materials(key.document))
    return replace(key, status=PENDING_IMPORT) if expired else key


def is_over(key: Resource) -> bool:
    return key.status == PENDING and bool(key.document["DeletionMs"] <= now_ms())


def require_key(context: Context, requested: str, *, by_alias: bool = False) -> Resource:
    """Raises NotFoundException, InvalidArnException, AccessDeniedException. `by_alias`: True if the operation accepts aliases."""
    name = local_name(context, requested)
    if name.startswith("alias/"):
        if not by_alias:
            raise (_bad_arn(requested) if requested.startswith("arn:") else not_found(f"Invalid keyId '{requested}'"))
        return _aliased(context, name)
    if _ID.fullmatch(name) is None:
        raise not_found(f"Invalid keyId '{requested}'")
    key = find_key(context, name)
    if key is None:
        raise absent(context, name)
    return key


def require_own(context: Context, requested: str, *, by_alias: bool = False) -> Resource:
    """Like `require_key`, but refuses keys that AWS manages: only their service can use or change them."""
    key = require_key(context, requested, by_alias=by_alias)
    if key.document["Manager"] != "CUSTOMER":
        raise AccessDenied(
            f"{arn_of(context, key.name)} is an AWS managed key: its policy allows only its own service."
        )
    return key


def refuse_pending(context: Context, key: Resource) -> None:
    """Raises KMSInvalidStateException."""
    if key.status == PENDING:
        raise AwsError("KMSInvalidStateException", f"{arn_of(context, key.name)} is pending deletion.")


def local_name(context: Context, requested: str) -> str:
    """Returns `alias/…` or a key's id. Raises AwsError."""
    if not requested.startswith("arn:"):
        return requested
    parts = requested.split(":", 5)
    if len(parts) != 6 or parts[2] != "kms":
        raise _bad_arn(requested)
    if parts[3] != context.region:
        raise not_found(f"Invalid arn {parts[3]}")
    if parts[4] != context.account:
        raise AccessDenied(f"Account {parts[4]} has not allowed the use of {requested}.")
    kind, _, name = parts[5].partition("/")
    if not name or kind not in {"key", "alias"}:
        raise _bad_arn(requested)
    return name if kind == "key" else parts[5]


def _bad_arn(requested: str) -> AwsError:
    return AwsError("InvalidArnException", f"{requested} is not a valid key ARN.")


def _aliased(context: Context, name: str) -> Resource:
    alias = resources.find(context.store, alias_place(context), name)
    if alias is None and name in MANAGED:
        alias = _made_by_aws(context, name)
    key = find_key(context, alias.document["TargetKeyId"]) if alias else None
    if key is None:
        raise not_found(f"Alias {arn_of(context, name)} is not found.")
    return key


def _made_by_aws(context: Context, name: str) -> Resource | None:
    """Returns the alias of a new key, or the one that another request has created meanwhile."""
    service = name.rpartition("/")[2]
    words = DESCRIPTIONS.get(service, f"Default key of {service}")
    key_id = str(uuid.uuid4())
    described = {
        "Manager": "AWS",
        "Description": words,
        "Materials": [material_of(context.store, key_id, secrets.token_bytes(MATERIAL_BYTES))],
    }
    key = New(key_id, described, arn_of(context, key_id), {}, status=ENABLED)
    alias = New(name, {"TargetKeyId": key_id}, arn_of(context, name), {})
    with contextlib.suppress(IntegrityError), context.store.write() as connection:
        resources.create_in(connection, alias_place(context), alias)
        resources.create_in(connection, scope_of(context), key)
    return resources.find(context.store, alias_place(context), name)
