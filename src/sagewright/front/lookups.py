"""Answers of the server by name: requested on first use, and again later, so that what was withdrawn ends at once.

While no server runs, known answers stay valid, but what belongs to a job only for half a minute: the end of a job is then not
observed, and its key must not outlive it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
FRESH_S = 1.0
"""Time that an answer is valid without another lookup. What belongs to a job is looked up for each request."""
STALE_S = 30.0
"""Time that an answer for a job is valid while no server answers."""
ANSWER_S = 2.0
"""Time after which a silent server counts as unreachable, if an older answer is known."""
PATIENCE_S = 5.0
MOST = 10_000


@dataclass(frozen=True)
class _Known(Generic[T]):
    at_s: float
    value: T | None
    of_job: bool

    def is_fresh(self, now_s: float) -> bool:
        return not self.of_job and now_s - self.at_s < FRESH_S

    def is_good_alone(self, now_s: float) -> bool:
        """Returns True if the answer can be used although the server does not answer."""
        return self.value is not None and (not self.of_job or now_s - self.at_s < STALE_S)


class Lookups(Generic[T]):
    """`ask(name)` sends the request, and returns False without a server; the answer arrives through `keep`. `present(s)`: waits at
    most that long, and returns True if a server is there."""

    def __init__(self, ask: Callable[[str], bool], present: Callable[[float], Awaitable[bool]]) -> None:
        self._ask, self._present = ask, present
        self._known: dict[str, _Known[T]] = {}
        self._waiting: dict[str, tuple[float, asyncio.Future[None]]] = {}

    def find(self, name: str) -> T | None:
        """Returns the value as last received."""
        known = self._known.get(name)
        return known.value if known else None

    def is_fresh(self, name: str) -> bool:
        """Returns True if `find` answers as the server would, without `look_up`."""
        known = self._known.get(name)
        return known is not None and known.is_fresh(time.monotonic())

    async def look_up(self, name: str) -> None:
        """Updates a value, so that `find` answers as the server would. Raises TimeoutError if the server is unreachable and no
        earlier answer can be used."""
        now_s = time.monotonic()
        known = self._known.get(name)
        if known is not None and known.is_fresh(now_s):
            return
        usable = known is not None and known.is_good_alone(now_s)
        requested = self._question(name, now_s)
        if requested is None and not usable and await self._present(PATIENCE_S):
            requested = self._question(name, time.monotonic())
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

    def _question(self, name: str, now_s: float) -> tuple[float, asyncio.Future[None]] | None:
        """Returns the time of the request and its answer; None without a server. Never raises."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            return waiting
        waiting = self._waiting[name] = now_s, asyncio.get_running_loop().create_future()
        if self._ask(name):
            return waiting
        self._waiting.pop(name, None)
        return None

    def keep(self, name: str, value: T | None, *, of_job: bool) -> None:
        if len(self._known) >= MOST:
            # made-up names are evicted first: without a server, known ones can't be fetched again
            self._known = {kept: known for kept, known in self._known.items() if known.value is not None}
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[name] = _Known(time.monotonic(), value, of_job)
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(None)

    def give_up(self) -> None:
        """Ends all waits because the server is gone: waiting requests use known answers, or are asked to retry."""
        waiting, self._waiting = self._waiting, {}
        for _, answer in waiting.values():
            if not answer.done():
                answer.set_exception(TimeoutError())
                answer.exception()  # it may have no waiter
