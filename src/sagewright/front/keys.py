"""Access keys, asked of the server when a request first names one, and again now and then, so that deleted keys end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sagewright.store.identity import AccessKey

FRESH_S = 1.0
"""For how long a key is good without another look."""
STALE_S = 30.0
"""For how long one is, while the server does not answer."""
PATIENCE_S = 5.0
MOST = 10_000


class Keys:
    """`ask(key_id)` sends the question; the answer comes by `learn`."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self._known: dict[str, tuple[float, AccessKey | None]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def find(self, key_id: str) -> AccessKey | None:
        """What is known of it."""
        known = self._known.get(key_id)
        return known[1] if known else None

    async def look_up(self, key_id: str) -> None:
        """`find` then answers as the server would."""
        known = self._known.get(key_id)
        age_s = time.monotonic() - known[0] if known else STALE_S
        if age_s < FRESH_S:
            return
        asked = self._question(key_id)
        if age_s >= STALE_S or (known and known[1] is None):
            await asyncio.wait_for(asyncio.shield(asked), PATIENCE_S)

    def _question(self, key_id: str) -> asyncio.Future[None]:
        waiting = self._waiting.get(key_id)
        if waiting is None or waiting.done():
            waiting = self._waiting[key_id] = asyncio.get_running_loop().create_future()
            self._ask(key_id)
        return waiting

    def learn(self, key_id: str, key: dict[str, Any] | None) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key_id] = (time.monotonic(), AccessKey(**key) if key else None)
        waiting = self._waiting.pop(key_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
