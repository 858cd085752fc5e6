"""The policies of queues, for the decision of requests."""

from __future__ import annotations

from sagewright.services.aws.sqs.queues import KIND
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, policy_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources


@policy_of("sqs")
def policy(context: Context, arn: str) -> AttachedPolicy | None:
    *_, region, account, name = arn.split(":")
    queue = resources.find(context.store, ResourceScope(KIND, account, region), name)
    text = queue.document.get("Policy") if queue else None
    return AttachedPolicy(text) if text else None
