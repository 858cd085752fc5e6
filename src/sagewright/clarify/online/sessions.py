"""Explanations that ask for scores of further records: each runs in a thread, which waits for the model's answers."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sagewright.clarify.errors import ClarifyError, CustomerError

PATIENCE_S = 65.0
"""Time after which a session ends if either side has not answered the other: requests end after 60 s."""
MOST_SESSIONS = 64


@dataclass(frozen=True)
class ScoreRequest:
    """A request for the model, in session `session`."""

    body: bytes
    content_type: str
    session: str


Ask: TypeAlias = Callable[[bytes, str], bytes]
"""Asks the model: body and content type → its answer. Raises Abandoned."""


class Abandoned(Exception):
    """The client has left, or its time is over."""


class OpenExplanations:
    """The explanations in progress. Used by one thread, in addition to those of the explanations themselves."""

    def __init__(self) -> None:
        self._open: dict[str, _Session] = {}

    def begin(self, work: Callable[[Ask], bytes]) -> bytes | ScoreRequest:
        """Returns the work's first question, or its result. Raises CustomerError if too many sessions are open, and what the work
        raises."""
        now = time.monotonic()
        for name in [name for name, session in self._open.items() if session.over or now > session.until]:
            del self._open[name]
        if len(self._open) >= MOST_SESSIONS:
            raise CustomerError(f"{MOST_SESSIONS} explanations are in progress; try again later.")
        session = _Session(work)
        self._open[session.name] = session
        return self._step(session)

    def go_on(self, name: str, answer: bytes) -> bytes | ScoreRequest:
        """Returns the next question of a session, or its result. Raises CustomerError if it is over."""
        session = self._open.get(name)
        if session is None or session.over:
            raise CustomerError("The explanation is over.")
        session.answers.put(answer)
        return self._step(session)

    def _step(self, session: _Session) -> bytes | ScoreRequest:
        try:
            said = session.said.get(timeout=PATIENCE_S)
        except queue.Empty:  # its thread ends at its next look at the time, and makes room then
            raise CustomerError(f"The explanation takes more than {PATIENCE_S:g} s.") from None
        session.until = time.monotonic() + PATIENCE_S
        if isinstance(said, ScoreRequest):
            return said
        self._open.pop(session.name, None)
        if isinstance(said, BaseException):
            raise said
        return said


class _Session:
    def __init__(self, work: Callable[[Ask], bytes]) -> None:
        self.name = secrets.token_hex(16)
        self.said: queue.SimpleQueue[bytes | ScoreRequest | BaseException] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.until, self.over = time.monotonic() + PATIENCE_S, False
        threading.Thread(target=self._run, args=(work,), name="explanation", daemon=True).start()

    def _run(self, work: Callable[[Ask], bytes]) -> None:
        try:
            self.said.put(work(self._ask))
        except Abandoned:
            pass
        except (ClarifyError, Exception) as error:
            self.said.put(error)
        finally:
            self.over = True

    def _ask(self, body: bytes, content_type: str) -> bytes:
        self.said.put(ScoreRequest(body, content_type, self.name))
        try:
            return self.answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise Abandoned from None
