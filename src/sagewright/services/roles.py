"""Roles that requests name. With `roles=open`, and unless policies are enforced, every role of the account exists; otherwise only
created ones and the one from the start do."""

from __future__ import annotations

from typing import Any

from sagewright.model.aws import arns
from sagewright.model.aws.arns import ROLE_NAME, account_of, id_of
from sagewright.model.errors import ValidationException
from sagewright.services.access.managed import DEFAULT_ROLE_POLICIES, TRUST_POLICY
from sagewright.services.access.modes import is_enforced
from sagewright.services.context import Context
from sagewright.store import identity


def resolve_role(context: Context, name: str) -> dict[str, Any] | None:
    """Returns the role's row. If a missing role counts as existing, returns a substitute that trusts SageMaker."""
    role = identity.find_role(context.store, context.account, name)
    if role is not None:
        return role
    stand_ins = context.settings.roles == "open" and not is_enforced(context.store, context.settings)
    if name == ROLE_NAME or stand_ins:
        return stand_in(context.account, name)
    return None


def stand_in(account: str, name: str) -> dict[str, Any]:
    return {
        "account": account,
        "name": name,
        "id": id_of("AROA", arns.role_arn(account, name)),
        "path": "/",
        "trust_policy": TRUST_POLICY,
        "description": "",
        "max_session_s": 43_200,
        "created_ms": 0,
        "attached": list(DEFAULT_ROLE_POLICIES) if name == ROLE_NAME else [],
        "inline": {},
    }


def check_role(context: Context, arn: str) -> None:
    """Raises ValidationException for a role that SageMaker cannot assume."""
    if account_of(arn) != context.account:
        raise ValidationException("RoleArn: Cross-account pass role is not allowed.")
    if resolve_role(context, arn.rsplit("/", 1)[-1]) is None:
        raise ValidationException(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
