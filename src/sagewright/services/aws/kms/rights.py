"""The keys that a request uses, for the policies of its caller: by alias, by ciphertext, or as the target of an alias.

Source: the service authorization reference, "Actions defined by AWS Key Management Service"; AWS KMS developer guide, "Use aliases
to control access to KMS keys": a policy for a key names the key itself, however a request names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.kms.ciphertexts import Ciphertext, Unreadable
from sagewright.services.aws.kms_keys import alias_place, arn_of, is_id, local_name
from sagewright.services.context import Context
from sagewright.services.registry import Rights, rights_of
from sagewright.store.resources import resources

ALIASES = frozenset({"CreateAlias", "UpdateAlias", "DeleteAlias"})


@rights_of("kms")
def rights(context: Context, name: str, request: Mapping[str, Any]) -> Rights | None:
    """Returns actions on keys. None for a key that does not exist, which the operation itself refuses."""
    if name in ALIASES:
        alias = str(request.get("AliasName", ""))
        targets = [request.get("TargetKeyId"), alias if name != "CreateAlias" else None]
        keys = [found for one in targets if one and (found := _key(context, str(one)))]
        return [(f"kms:{name}", one) for one in (arn_of(context, alias), *keys)]
    if name == "ReEncrypt":
        source, target = _of_ciphertext(context, request, "SourceKeyId"), _key(context, request["DestinationKeyId"])
        return [("kms:ReEncryptFrom", source), ("kms:ReEncryptTo", target)] if source and target else None
    key = _of_ciphertext(context, request, "KeyId")
    return [(f"kms:{name}", key)] if key else None


def _of_ciphertext(context: Context, request: Mapping[str, Any], member: str) -> str:
    """Returns the ARN of the key that a member names, or of the one that made the ciphertext; "" if there is neither."""
    if request.get(member):
        return _key(context, str(request[member]))
    try:
        return arn_of(context, Ciphertext.parse(request.get("CiphertextBlob") or b"").key_id)
    except Unreadable:
        return ""


def _key(context: Context, requested: str) -> str:
    """Returns a key's ARN by its id, ARN or alias; "" for an alias that does not exist, and for anything that is not a key."""
    try:
        name = local_name(context, requested)
    except AwsError:
        return ""
    if name.startswith("alias/"):
        alias = resources.find(context.store, alias_place(context), name)
        return arn_of(context, alias.document["TargetKeyId"]) if alias else ""
    return arn_of(context, name) if is_id(name) else ""
