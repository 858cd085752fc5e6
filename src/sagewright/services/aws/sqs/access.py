"""The policies of queues, for the decision of requests."""

from __future__ import annotations

from sagewright.services.aws.sqs.queues import KIND
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, NamedResource, policy_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources


@policy_of("sqs")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    queue = resources.find(context.store, ResourceScope(KIND, named.account, named.region), named.resource)
    text = queue.document.get("Policy") if queue else None
    return AttachedPolicy(text) if text else None
