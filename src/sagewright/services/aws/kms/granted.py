"""The rights that grants give: statements of the key's policy that name the grantee.

A grant's constraint holds for operations with one encryption context; ReEncrypt has two, and is not allowed by a constrained grant.
Grants of CreateGrant and RetireGrant give no rights: AWS limits these to what the grant itself allows. Source: "Grants in AWS KMS",
"Using grant constraints" (AWS KMS developer guide).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import orjson

from sagewright.policies.documents import MalformedPolicy, read_conditions
from sagewright.policies.keys import names_of
from sagewright.services.aws.kms.grants import KIND
from sagewright.services.context import Context
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_CHARACTERS = 64 * 1024
_LIMITED = frozenset({"CreateGrant", "RetireGrant"})
_WITH_CONTEXT = frozenset({
    *("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
})  # fmt: skip
_WITH_TWO = frozenset({"ReEncryptFrom", "ReEncryptTo"})


def grant_statements(context: Context, key: Resource) -> list[dict[str, Any]]:
    """Returns the statements of the key's grants to the caller, each once: the shortest ones that together fit MOST_CHARACTERS,
    so that the key's policy can always be read with them."""
    names = names_of(context.principal.arn, context.account)
    found = {
        orjson.dumps(statement): statement
        for one in resources.children(context.store, key.id)
        if one.kind == KIND and one.document.get("GranteePrincipal") in names
        for statement in _statements(one)
        if _is_readable(statement)
    }
    shortest = sorted(found, key=len)
    sizes = accumulate(len(text) + 1 for text in shortest)
    return [found[text] for text, size in zip(shortest, sizes, strict=True) if size <= MOST_CHARACTERS]


def _is_readable(statement: Mapping[str, Any]) -> bool:
    """Returns False for a constraint with a value that no policy can have."""
    try:
        read_conditions(statement["Condition"])
    except MalformedPolicy:
        return False
    return True


def _statements(grant: Resource) -> Iterator[dict[str, Any]]:
    operations = set(grant.document["Operations"]) - _LIMITED
    condition = _condition(grant.document.get("Constraints") or {})
    if condition:
        yield from _statement(grant, operations & _WITH_CONTEXT, condition)
        operations -= _WITH_CONTEXT | _WITH_TWO
    yield from _statement(grant, operations, {})


def _statement(grant: Resource, operations: set[str], condition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if operations:
        yield {
            "Effect": "Allow",
            "Principal": {"AWS": grant.document["GranteePrincipal"]},
            "Action": sorted(f"kms:{name}" for name in operations),
            "Resource": "*",
            "Condition": condition,
        }


def _condition(constraints: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a constraint as a condition: the pairs that the encryption context has to have; with Equals it has no other."""
    subset, equals = constraints.get("EncryptionContextSubset"), constraints.get("EncryptionContextEquals")
    pairs = {**(subset or {}), **(equals or {})}
    made: dict[str, Any] = {}
    if pairs:
        made["StringEquals"] = {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
    if equals:
        made["ForAllValues:StringEquals"] = {"kms:EncryptionContextKeys": list(equals)}
    return made
