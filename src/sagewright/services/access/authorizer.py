"""The decision of each request: by the policies of its caller, and of the role that it hands on.

Source: IAM's user guide, "Policy evaluation logic" and "Granting a user permissions to pass a role to an AWS service".
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from sagewright.model.aws.arns import ROLE_NAME
from sagewright.model.errors import AwsError, ValidationException
from sagewright.model.quotas import PRIORITY, priority_in
from sagewright.policies.documents import AccessPolicy, MalformedPolicy, read
from sagewright.policies.evaluation import AccessDecision, AccessRequest, Effect, decide, is_settled, trusts
from sagewright.policies.keys import Arriving, Calling, names_of
from sagewright.policies.patterns import Values
from sagewright.services.access.contexts import RequestValues, request_tags
from sagewright.services.access.managed import TRUST_POLICY
from sagewright.services.access.modes import is_enforced
from sagewright.services.access.principals import is_owner
from sagewright.services.access.rights import Rights, read_attached, rights_of
from sagewright.services.access.subjects import Asked, Scope, is_small, read_request, roles_in
from sagewright.services.access.targets import reaches_targets, targets_of
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, attached_policy, may_have_policy, names_rights, needed_rights
from sagewright.store import identity
from sagewright.store.resources import tags

PASS_ROLE, ADD_TAGS, ASSUME_ROLE = "iam:PassRole", "sagemaker:AddTags", "sts:AssumeRole"
RAISE_PRIORITY = "sagewright:RaisePriority"
"""The permission to put a job before those of others, which no managed policy gives."""
_OPEN = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken"), ("sts", "AssumeRole")})
"""Operations that need no permission, or decide themselves: a role's trust policy does for AssumeRole."""
_OF_ROLES = frozenset({"iam", "sts"})
"""Services whose requests are about roles, and hand none to a service."""
_SERVICES = {
    "application-autoscaling": "application-autoscaling.amazonaws.com",
    "cloudwatch": "monitoring.amazonaws.com",
}
_QUERY = frozenset({"iam", "sts", "cloudwatch", "sns"})
_SETTLED = ("aws:resourcetag/", "aws:principaltag/")
"""Condition keys that no further member of a request can set: a tag is there or it is not."""
log = logging.getLogger("sagewright.services.access")


def authorize(context: Context, service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Decides a request. Of S3's requests it decides only the targets that they make the service reach, since bucket
    policies apply to the rest.

    Raises AccessDenied in the service's form, and ValidationException for a role that does not trust the service.
    """
    if (service, operation) in _OPEN or not is_decided(context):
        return
    small = _small(context, service, operation, request)
    own = None if small is None else rights(context)
    if own is not None and small in own.allowed:
        return
    _check_followers(context, service, operation, request)
    for action, target in targets_of(service, operation, request):
        _require(context, service, action, target, values_of_request(context, request, target))
    if service == "s3":
        return
    asked = _asked(context, service, operation, request)
    passed = list(_passed_roles(asked, request))
    for action, resource, values in _questions(context, asked, request, passed):
        _require(context, service, action, resource, values)
    for role, to in passed:
        if not trusts_service(context, role, to):
            raise ValidationException(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal '{to}' to assume the role."
            )
    if (
        own is not None
        and not (reaches_targets(service, operation) or names_rights(service))
        and _is_lasting(asked, own)
    ):
        own.allow(small)


def _small(context: Context, service: str, operation: str, request: Mapping[str, Any]) -> Hashable:
    """Returns what identifies a request that only names a resource; None for another, and for a session, whose rights are made
    anew each time."""
    if context.principal.session is not None or not is_small(request):
        return None
    return service, operation, context.account, context.region, *request.items()


def _is_lasting(asked: Asked, own: Rights) -> bool:
    """Returns True if a request was allowed by the caller's policies alone: the same request is allowed as long as they are the
    same."""
    return not (
        asked.changes
        or any(may_have_policy(resource) for resource in asked.resources)
        or not is_settled(asked.action, own.policies)
    )


def foresee(context: Context, service: str, operation: str, request: Mapping[str, Any]) -> str:
    """Returns the action that would refuse a request, "" if none would, or if it depends on what the request does not say yet.

    Shows a caller beforehand what is allowed; nothing is logged. Requests to S3, which bucket policies decide too, return "".
    """
    if service == "s3" or (service, operation) in _OPEN or not is_decided(context):
        return ""
    asked = _asked(context, service, operation, request)
    passed = _passed_roles(asked, request)
    for action, resource, values in () if asked.vague else _questions(context, asked, request, passed):
        made = decision(context, action, resource, values)
        unknown = [key for key in made.missing if not key.lower().startswith(_SETTLED)]
        if not made.allows and not unknown:
            return action
    return ""


def _asked(context: Context, service: str, operation: str, request: Mapping[str, Any]) -> Asked:
    """Returns what a request asks for; its service may name other resources than its members do."""
    asked = read_request(service, operation, request, Scope(context.account, context.region))
    rights = needed_rights(context, service, operation, request)
    return asked if rights is None else replace(asked, rights=tuple(rights), vague=False)


def _questions(
    context: Context, asked: Asked, request: Mapping[str, Any], passed: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str, Values]]:
    """Yields each action, resource and values of condition keys that the caller's policies have to allow for a request. `passed`:
    roles that it hands on."""
    for action, resource in asked.rights or [(asked.action, one) for one in asked.resources]:
        yield action, resource, values_of_request(context, request, resource)
    tagged = request_tags(request)
    if tagged and ADD_TAGS in asked.needs:
        for resource in asked.resources:
            yield ADD_TAGS, resource, values_of_request(context, request, resource)
    if PRIORITY in tagged and (priority_in(tagged[PRIORITY]) or 0) > 0:
        for resource in asked.resources:
            yield RAISE_PRIORITY, resource, values_of_request(context, request, resource)
    for role, to in passed:
        passing = {"iam:passedtoservice": (to,), "iam:associatedresourcearn": asked.resources}
        yield PASS_ROLE, role, values_of_request(context, {}, role, passing)


def _passed_roles(asked: Asked, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the roles that a request hands to a service, with the service's principal."""
    if asked.changes and asked.service not in _OF_ROLES:
        to = _SERVICES.get(asked.service, f"{asked.service}.amazonaws.com")
        yield from ((role, to) for role in dict.fromkeys(roles_in(request)))


def _check_followers(context: Context, service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Refuses targets of rules that would act as the caller, without the limits of its session. Raises ValidationException."""
    if context.principal.session is None or (service, operation) != ("events", "PutTargets"):
        return
    if not all(one.get("RoleArn") for one in request.get("Targets") or ()):
        raise ValidationException(
            "A session that a policy limits sets targets with a RoleArn only: they act after the session."
        )


def is_decided(context: Context) -> bool:
    """Returns True if policies decide what the caller may do: they are enforced, and it is not the owner."""
    return not context.trusted and is_enforced(context.store, context.settings) and not _is_owner(context)


def _is_owner(context: Context) -> bool:
    return is_owner(context.account, context.principal.arn) and context.principal.session is None


def decision(
    context: Context, action: str, resource: str, values: Values, by_resource: Sequence[AccessPolicy] = ()
) -> AccessDecision:
    """Returns the decision by the caller's own policies, and those of the resource: `by_resource`, or the policy that it has."""
    own = rights(context)
    names = names_of(context.principal.arn, context.account)
    policies = replace(own.policies, resource=tuple(by_resource)) if by_resource else own.policies
    attached = None if by_resource else attached_policy(context, resource)
    if attached is not None:
        policies = replace(policies, resource=(_read_attached(attached, resource),), governed=attached.governs)
    return decide(AccessRequest(names, action, resource, values), policies)


def _read_attached(attached: AttachedPolicy, resource: str) -> AccessPolicy:
    """Returns a resource's policy without statements that name nobody. One that an earlier version stored malformed allows
    nothing."""
    try:
        found = read(attached.text, resource)
    except MalformedPolicy as error:
        log.warning("the policy of %s can't be read: %s", resource, error)
        return AccessPolicy(resource)
    denials, grants = ([one for one in some if one.principals is not None] for some in (found.denials, found.grants))
    return AccessPolicy(resource, tuple(denials), tuple(grants))


def calling(context: Context) -> Calling:
    """Returns the caller as condition keys see it."""
    return Calling(context.principal.arn, context.principal.user_id, context.account, rights(context).tags)


def values_of_request(
    context: Context, request: Mapping[str, Any], resource: str, more: Mapping[str, Sequence[str]] | None = None
) -> RequestValues:
    """Returns the condition keys' values for one resource. `more`: those that the service knows itself."""
    return RequestValues(
        lambda: calling(context), lambda: arriving(context), request, more, lambda: tags.of(context.store, resource)
    )


def arriving(context: Context) -> Arriving:
    """Returns the request's way here as condition keys see it."""
    origin = context.origin
    return Arriving(origin.address, origin.secure, context.region, origin.agent, origin.referer)


def denied(context: Context, service: str, action: str, resource: str, made: AccessDecision) -> AwsError:
    """Returns AccessDenied in AWS's words; the statements that decided go to the log alone."""
    matched = ", ".join(f"{one.policy}/{one.statement.sid or one.statement.number}" for one in made.matched) or "none"
    log.info("%s may not %s on %s: %s, statements: %s", context.principal.arn, action, resource, made.effect, matched)
    if made.effect is Effect.EXPLICIT_DENY:
        reason = "with an explicit deny in a policy"
    else:
        kind = {"boundary": "permissions boundary", "session": "session policy"}.get(
            made.limit, "identity-based policy"
        )
        reason = f"because no {kind} allows the {action} action"
    message = f"User: {context.principal.arn} is not authorized to perform: {action} on resource: {resource} {reason}"
    return AwsError("AccessDenied" if service in _QUERY else "AccessDeniedException", message, _status(service))


def _status(service: str) -> int:
    return 403 if service in _QUERY or service in {"lambda", "scheduler", "sagemaker-runtime", "sqs"} else 400


def _require(context: Context, service: str, action: str, resource: str, values: Values) -> None:
    made = decision(context, action, resource, values)
    if not made.allows:
        raise denied(context, service, action, resource, made)


def trusts_service(context: Context, role: str, service: str) -> bool:
    """Returns True if a role's trust policy lets a service assume it; a role that does not exist is for its operation to refuse."""
    name = role.rpartition("/")[2]
    found = identity.find_role(context.store, context.account, name)
    if found is None and name != ROLE_NAME:
        return True
    return _trusts(found["trust_policy"] if found else TRUST_POLICY, role, service)


@lru_cache(1024)
def _trusts(policy: str, role: str, service: str) -> bool:
    """Returns True if a trust policy lets a service, of which nothing else is known, assume the role."""
    try:
        trust = read(policy)
    except MalformedPolicy:
        return False
    return trusts(AccessRequest((service,), ASSUME_ROLE, role, {}), trust)


def rights(context: Context) -> Rights:
    """Returns the caller's rights, with the policies and tags of its session."""
    found = rights_of(context.store, context.account, context.principal.arn)
    if context.principal.session is None:
        return found
    session = orjson.loads(context.principal.session)
    policies = found.policies
    if session.get("Policies") or session.get("PolicyArns"):
        limits = (*_session_policies(session), *read_attached(context.store, context.account, session["PolicyArns"]))
        policies = replace(policies, session=limits)
    return Rights(policies, {**found.tags, **session.get("Tags", {})})


def _session_policies(session: Mapping[str, Any]) -> Iterator[AccessPolicy]:
    for text in session.get("Policies", ()):
        yield read(text, "SessionPolicy")
