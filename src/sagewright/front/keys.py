"""Access keys and their holders' permissions, as reported by the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sagewright.front.lookups import Lookups
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.access_questions import AccessAnswer, AccessQuestion
from sagewright.model.errors import AwsError


class Keys(Lookups[AccessKey]):
    """The front's keys."""

    def learn(self, key_id: str, key: dict[str, Any] | None) -> None:
        found = AccessKey(**key) if key else None
        self.keep(key_id, found, of_job=found is not None and found.job_id is not None)


class Permissions(Lookups[AccessAnswer]):
    """Decisions of the server, by question. `is_enforced`: False while every key may do everything."""

    def __init__(self, ask: Callable[[str], bool], present: Callable[[float], Awaitable[bool]]) -> None:
        super().__init__(ask, present)
        self.is_enforced = True

    def learn(self, name: str, answer: dict[str, Any], of_job: bool) -> None:
        self.keep(name, AccessAnswer(**answer), of_job=of_job)

    def allows_now(self, question: AccessQuestion) -> bool:
        """Returns True if `check` allows it without asking the server."""
        name = question.name()
        found = self.find(name) if self.is_fresh(name) else None
        return found is not None and not found.code

    async def check(self, question: AccessQuestion) -> None:
        """Raises AccessDeniedException; TimeoutError if the server is unreachable and gave no answer before."""
        if not self.is_enforced:
            return
        await self.look_up(question.name())
        found = self.find(question.name())
        if found is None or found.code:
            answer = found or AccessAnswer("AccessDeniedException", "The request was not decided.")
            raise AwsError(answer.code, answer.message, 403)
