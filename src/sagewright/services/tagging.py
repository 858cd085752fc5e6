"""Tag operations, declared once for each service: TagResource, UntagResource and the list of a resource's tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tags

MOST_TAGS = 50
"""AWS's limit on the tags of a resource."""
Request = dict[str, Any]


def pairs_of(given: list[dict[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in given}


def listed(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


@dataclass(frozen=True)
class TagOperations:
    """The tags of one service's resources.

    `arn`: returns the ARN that a request means, and raises where it does not exist. `too_many`: the error for a resource that would
    have more than `MOST_TAGS` tags, from its ARN and their number. `read` and `write` convert between the wire's form and pairs.
    """

    service: str
    arn: Callable[[Context, Request], str]
    too_many: Callable[[str, int], Exception]
    read: Callable[[Any], dict[str, str]] = pairs_of
    write: Callable[[dict[str, str]], Any] = listed
    tags_member: str = "Tags"
    keys_member: str = "TagKeys"

    def tag(self, context: Context, request: Request) -> Request:
        arn, pairs = self.arn(context, request), self.read(request[self.tags_member])
        if (count := tags.extend(context.store, arn, pairs, MOST_TAGS)) > MOST_TAGS:
            raise self.too_many(arn, count)
        return {}

    def untag(self, context: Context, request: Request) -> Request:
        tags.remove(context.store, self.arn(context, request), request[self.keys_member])
        return {}

    def list(self, context: Context, request: Request) -> Request:
        return {self.tags_member: self.write(tags.of(context.store, self.arn(context, request)))}

    def serve(self, tag: str | None = None, untag: str | None = None, list: str | None = None) -> TagOperations:  # noqa: A002
        """Registers the operations of these names."""
        for name, call in ((tag, self.tag), (untag, self.untag), (list, self.list)):
            if name is not None:
                operation(self.service, name)(call)
        return self
