"""Sessions of notebooks in the front: opened by the server, checked here by the keys that the front knows."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sagewright.front.keys import Keys
from sagewright.front.notebooks.refusals import NotebookRefused
from sagewright.front.notebooks.routes import Notebook
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.clock import now_ms
from sagewright.model.notebooks.grants import MOST_TOKEN, NotebookSession, cookies_of

ANSWER_S, PRESENT_S = 5.0, 2.0
MOST_OPENING = 64


@dataclass(frozen=True)
class Opened:
    """An opened session: the value of its cookie, its notebook, its duration and the path to open."""

    cookie: str
    notebook: str
    session_s: int
    landing: str


class NotebookSessions:
    """`send`: sends a document to the server; False without one. `present(s)`: waits at most that long for a server. To be used
    from one event loop."""

    def __init__(
        self, keys: Keys, send: Callable[[dict[str, Any]], bool], present: Callable[[float], Awaitable[bool]]
    ) -> None:
        self._keys, self._send, self._present = keys, send, present
        self._opening: dict[int, asyncio.Future[Opened | None]] = {}
        self._numbers = itertools.count()

    async def open(self, token: str) -> Opened | None:
        """Returns a new session for a one-time token; None if it is invalid, used or expired. Raises NotebookRefused."""
        if not 0 < len(token) <= MOST_TOKEN:
            return None
        if len(self._opening) >= MOST_OPENING:
            raise NotebookRefused(503, f"More than {MOST_OPENING} notebooks are being opened; try again.", again=True)
        number = next(self._numbers)
        future: asyncio.Future[Opened | None] = asyncio.get_running_loop().create_future()
        self._opening[number] = future
        try:
            if not await self._present(PRESENT_S) or not self._send({"open": number, "token": token}):
                raise NotebookRefused(503, "The server is away now; the page loads again when it answers.", again=True)
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError:
            raise NotebookRefused(503, "The server does not answer now; try again.", again=True) from None
        finally:
            del self._opening[number]

    def opened(self, number: int, found: dict[str, Any] | None) -> None:
        """Takes the server's answer."""
        future = self._opening.get(number)
        if future is not None and not future.done():
            future.set_result(Opened(**found) if found else None)

    async def find(self, cookies: str, notebook: Notebook) -> NotebookSession | None:
        """Returns the session in a Cookie header for this notebook. Raises NotebookRefused if it can't be checked now."""
        for value in cookies_of(cookies):
            session = NotebookSession.read(value)
            if session is not None and session.notebook == notebook.id and await self.holds(session):
                return session
        return None

    async def holds(self, session: NotebookSession) -> bool:
        """Returns True if the session is still valid: its keys exist, and it has not expired. Raises NotebookRefused."""
        if session.until_ms <= now_ms():
            return False
        key = await self._held(session.key)
        if key is None or key.job_id is not None or key.session_token is None or not session.is_sealed(key.secret):
            return False
        return not session.parent or await self._held(session.parent) is not None

    async def _held(self, key_id: str) -> AccessKey | None:
        try:
            await self._keys.look_up(key_id)
        except TimeoutError:
            raise NotebookRefused(503, "The session can't be checked now; try again.", again=True) from None
        key = self._keys.find(key_id)
        return key if key is not None and (key.expires_ms is None or key.expires_ms > now_ms()) else None

    def end(self, session: NotebookSession) -> bool:
        """Ends the session on the server. Returns False without one."""
        if not self._send({"end-session": session.key}):
            return False
        self._keys.learn(session.key, None)  # this process forgets it at once
        return True
