"""Decisions on requests that are no operations: invocations, tracking servers and images, by the same authorizer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.access_questions import AccessQuestion
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.errors import AwsError
from sagewright.services.access import authorizer
from sagewright.services.context import Context, Platform, Principal, RequestOrigin
from sagewright.store.identity import find_key

ENDPOINT = "endpoint"
log = logging.getLogger("sagewright.services.access")


class AccessQuestions:
    """Answers the questions of processes that have no store."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def answer(self, name: str) -> dict[str, Any]:
        """Returns the answer to a question of the front. Never raises: what cannot be decided is refused."""
        try:
            question = AccessQuestion.read(name)
            key = find_key(self._platform.store, question.key)
            refusal = self._refusal(question, key)
        except Exception:
            log.exception("a permission could not be decided")
            key, refusal = None, {"code": "InternalFailure", "message": "The permission could not be decided."}
        return {"may": name, "answer": refusal, "of_job": key is not None and key.job_id is not None}

    def _refusal(self, question: AccessQuestion, key: AccessKey | None) -> dict[str, str]:
        """Returns the members of the answer; none for a request that is allowed."""
        if key is None:
            return {
                "code": "UnrecognizedClientException",
                "message": "The security token included in the request is invalid.",
            }
        settings = self._platform.settings
        resource = question.resource
        if not resource.startswith("arn:"):
            resource = sagemaker_arn(question.region, settings.account, ENDPOINT, resource)
        origin = RequestOrigin(question.address, agent=question.agent, secure=question.secure)
        more = {} if question.model is None else {"sagemaker:targetmodel": (question.model,)}
        try:
            require(self._platform, key, WantedAccess(question.action, resource, question.region, more), origin)
        except AwsError as error:
            return {"code": error.code, "message": error.message}
        return {}


@dataclass(frozen=True)
class WantedAccess:
    """An action on a resource. `more`: values of condition keys that only the asker knows."""

    action: str
    resource: str
    region: str
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)


def may(platform: Platform, principal: str, action: str, resource: str) -> bool:
    """Returns True if a principal may do what the engine does for it without an operation."""
    key = AccessKey("", "", None, principal, "", None, None)
    try:
        require(platform, key, WantedAccess(action, resource, platform.settings.region), RequestOrigin())
    except AwsError:
        return False
    return True


def require(platform: Platform, key: AccessKey, wanted: WantedAccess, origin: RequestOrigin) -> None:
    """Decides a request that is no operation. Raises AccessDenied."""
    context = Context(
        request_id="",
        account=platform.settings.account,
        region=wanted.region,
        principal=Principal(key.principal_arn, key.user_id, key.id, key.session),
        platform=platform,
        origin=origin,
    )
    if not authorizer.is_decided(context):
        return
    values = authorizer.values_of_request(context, {}, wanted.resource, wanted.more)
    made = authorizer.decision(context, wanted.action, wanted.resource, values)
    if not made.allows:
        raise authorizer.denied(context, wanted.action.partition(":")[0], wanted.action, wanted.resource, made)
