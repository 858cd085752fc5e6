"""Policies of users and groups: attached ones, and inline ones; declared once for both.

Source: IAM's API reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from sagewright.model.errors import AwsError
from sagewright.services.access.kinds import GranteeDocument
from sagewright.services.aws.iam import grantees
from sagewright.services.aws.iam.documents import check_policy
from sagewright.services.aws.iam.grantees import GROUPS, USERS, GranteeKind, require
from sagewright.services.aws.iam.listing import names_page, page_of
from sagewright.services.aws.iam.policies import require_policy
from sagewright.services.context import Context
from sagewright.services.registry import operation

MOST_ATTACHED = 20
"""The highest that AWS's quota can be raised to."""
_POLICY_ARN = re.compile(r"arn:[^:]+:iam:[^:]*:[^:]+:policy/.+")
Request = dict[str, Any]


def check_attachable(context: Context, arn: str | None) -> None:
    """Raises NoSuchEntity for a missing policy of the account; all of AWS's policies count as existing. Raises ValidationError for
    an invalid ARN.

    Source: recorded on AWS, localstack test_iam::TestIAMIntegrations::test_role_attach_policy.
    """
    if arn is None:
        return
    if not _POLICY_ARN.fullmatch(arn):
        raise AwsError("ValidationError", "Invalid ARN:  Could not be parsed!")
    if arn.startswith(f"arn:aws:iam::{context.account}:"):
        try:
            require_policy(context, arn)
        except AwsError:
            raise AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404) from None


@dataclass(frozen=True)
class PolicyOperations:
    """The operations on the policies of users, or of groups."""

    of: GranteeKind

    def register(self) -> None:
        noun = self.of.noun
        for name, call in (
            (f"Attach{noun}Policy", self.attach),
            (f"Detach{noun}Policy", self.detach),
            (f"ListAttached{noun}Policies", self.list_attached),
            (f"Put{noun}Policy", self.put),
            (f"Get{noun}Policy", self.get),
            (f"List{noun}Policies", self.list_inline),
            (f"Delete{noun}Policy", self.delete),
        ):
            operation("iam", name)(call)

    def attach(self, context: Context, request: Request) -> Request:
        check_attachable(context, request["PolicyArn"])

        def attached(now: GranteeDocument) -> GranteeDocument:
            arns = list(dict.fromkeys([*now.attached, request["PolicyArn"]]))
            if len(arns) > MOST_ATTACHED:
                raise AwsError(
                    "LimitExceeded", f"Cannot exceed quota for PoliciesPer{self.of.noun}: {MOST_ATTACHED}", 409
                )
            return replace(now, attached=arns)

        grantees.alter(context, self.of, self._name(request), attached)
        return {}

    def detach(self, context: Context, request: Request) -> Request:
        arn = request["PolicyArn"]

        def detached(now: GranteeDocument) -> GranteeDocument:
            if arn not in now.attached:
                raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
            return replace(now, attached=[one for one in now.attached if one != arn])

        grantees.alter(context, self.of, self._name(request), detached)
        return {}

    def list_attached(self, context: Context, request: Request) -> Request:
        listed = [
            {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in self._found(context, request).attached
        ]
        page, rest = page_of(request, listed, "PolicyArn")
        return {"AttachedPolicies": page, **rest}

    def put(self, context: Context, request: Request) -> Request:
        check_policy(request["PolicyDocument"])
        text = {request["PolicyName"]: request["PolicyDocument"]}
        grantees.alter(context, self.of, self._name(request), lambda now: replace(now, inline={**now.inline, **text}))
        return {}

    def get(self, context: Context, request: Request) -> Request:
        document = self._found(context, request).inline.get(request["PolicyName"])
        if document is None:
            raise self._no_policy(request)
        named = {f"{self.of.noun}Name": self._name(request), "PolicyName": request["PolicyName"]}
        return {**named, "PolicyDocument": quote(document, safe="")}

    def list_inline(self, context: Context, request: Request) -> Request:
        page, rest = names_page(request, sorted(self._found(context, request).inline))
        return {"PolicyNames": page, **rest}

    def delete(self, context: Context, request: Request) -> Request:
        def without(now: GranteeDocument) -> GranteeDocument:
            if request["PolicyName"] not in now.inline:
                raise self._no_policy(request)
            return replace(
                now, inline={name: text for name, text in now.inline.items() if name != request["PolicyName"]}
            )

        grantees.alter(context, self.of, self._name(request), without)
        return {}

    def _name(self, request: Request) -> str:
        return str(request[f"{self.of.noun}Name"])

    def _found(self, context: Context, request: Request) -> GranteeDocument:
        return GranteeDocument.read(require(context, self.of, self._name(request)).document)

    def _no_policy(self, request: Request) -> AwsError:
        message = f"The {self.of.word} policy with name {request['PolicyName']} cannot be found."
        return AwsError("NoSuchEntity", message, 404)


PolicyOperations(USERS).register()
PolicyOperations(GROUPS).register()
