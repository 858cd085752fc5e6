"""The policies of topics, for the decision of requests.

Without one of its own, a topic has AWS's default, whose condition `AWS:SourceOwner` no request here fulfils: it allows nothing.
"""

from __future__ import annotations

from sagewright.services.aws.sns.topics import KIND
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, NamedResource, policy_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources


@policy_of("sns")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    name, _, _subscription = named.resource.partition(":")
    topic = resources.find(context.store, ResourceScope(KIND, named.account, named.region), name)
    text = topic.document.get("Policy") if topic else None
    return AttachedPolicy(text) if text else None
