"""Access keys: requested from the server on first use, and again later, so that deleted keys are refused.

While no server runs, the known keys stay valid, but those of jobs only for half a minute: the end of a job is then not observed,
and its key must not outlive it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sagewright.model.aws.access_keys import AccessKey

FRESH_S = 1.0
"""Time that a key is valid without another lookup. A job's key is looked up for each request."""
STALE_S = 30.0
"""Time that a job's key is valid while no server answers."""
ANSWER_S = 2.0
"""Time after which a silent server counts as unreachable, if an older answer is known."""
PATIENCE_S = 5.0
MOST = 10_000


@dataclass(frozen=True)
class _Known:
    at_s: float
    key: AccessKey | None

    def is_fresh(self, now_s: float) -> bool:
        of_a_job = self.key is not None and self.key.job_id is not None
        return not of_a_job and now_s - self.at_s < FRESH_S

    def is_good_alone(self, now_s: float) -> bool:
        """Returns True if the key can be used although the server does not answer."""
        return self.key is not None and (self.key.job_id is None or now_s - self.at_s < STALE_S)


class Keys:
    """The front's keys. `ask(key_id)` sends the request, and returns False without a server; the answer arrives through `learn`.
    `present(s)`: waits at most that long, and returns True if a server is there."""

    def __init__(self, ask: Callable[[str], bool], present: Callable[[float], Awaitable[bool]]) -> None:
        self._ask, self._present = ask, present
        self._known: dict[str, _Known] = {}
        self._waiting: dict[str, tuple[float, asyncio.Future[None]]] = {}

    def find(self, key_id: str) -> AccessKey | None:
        """Returns the key as last received."""
        known = self._known.get(key_id)
        return known.key if known else None

    async def look_up(self, key_id: str) -> None:
        """Updates a key, so that `find` answers as the server would. Raises TimeoutError if the server is unreachable and no
        earlier answer can be used."""
        now_s = time.monotonic()
        known = self._known.get(key_id)
        if known is not None and known.is_fresh(now_s):
            return
        usable = known is not None and known.is_good_alone(now_s)
        requested = self._question(key_id, now_s)
        if requested is None and not usable and await self._present(PATIENCE_S):
            requested = self._question(key_id, time.monotonic())
        if requested is not None:
            asked_s, answer = requested
            patience_s = asked_s + ANSWER_S - now_s if usable else PATIENCE_S
            if patience_s > 0:
                try:
                    await asyncio.wait_for(asyncio.shield(answer), patience_s)
                    return
                except TimeoutError:
                    pass
        if not usable:
            raise TimeoutError

    def _question(self, key_id: str, now_s: float) -> tuple[float, asyncio.Future[None]] | None:
        """Returns the time of the request and its answer; None without a server. Never raises."""
        waiting = self._waiting.get(key_id)
        if waiting is not None:
            return waiting
        waiting = self._waiting[key_id] = now_s, asyncio.get_running_loop().create_future()
        if self._ask(key_id):
            return waiting
        self._waiting.pop(key_id, None)
        return None

    def learn(self, key_id: str, key: dict[str, Any] | None) -> None:
        if (
            len(self._known) >= MOST
        ):  # made-up names are evicted first: without a server, known keys can't be fetched again
            self._known = {name: known for name, known in self._known.items() if known.key is not None}
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key_id] = _Known(time.monotonic(), AccessKey(**key) if key else None)
        waiting = self._waiting.pop(key_id, None)
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(None)

    def give_up(self) -> None:
        """Ends all waits because the server is gone: waiting requests use known keys, or are asked to retry."""
        waiting, self._waiting = self._waiting, {}
        for _, answer in waiting.values():
            if not answer.done():
                answer.set_exception(TimeoutError())
                answer.exception()  # it may have no waiter
