"""Idempotent requests: a repeated request with the same client token gets the first answer.

A token is stored in the transaction of its request, so a server that is killed has done both or neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_of
from sagewright.store.database import Database
from sagewright.store.schema.clienttokens import client_tokens

KEPT_MS = 24 * 3600 * 1000
"""AWS does not document how long it keeps a token; clients retry for minutes."""


@dataclass(frozen=True)
class Marked:
    """A request with a token. `scope`: where tokens are unique; `fingerprint`: equal for equal requests."""

    scope: str
    token: str
    fingerprint: str


class TokenTaken(Exception):
    """The token belongs to a different request."""


def once(store: Database, marked: Marked | None, do: Callable[[Connection], dict[str, Any]]) -> dict[str, Any]:
    """Returns the answer of `do` in its transaction, or its earlier answer to the same request. Raises TokenTaken."""
    with store.write() as connection:
        if marked is None:
            return do(connection)
        before = _taken(store, connection, marked)
        if before is not None:
            return before
        answer = do(connection)
        connection.execute(update(client_tokens).where(*_is(marked)).values(answer=answer))
        return answer


def _taken(store: Database, connection: Connection, marked: Marked) -> dict[str, Any] | None:
    """Stores the token; returns the answer if it was already stored. Raises TokenTaken."""
    now = now_ms()
    connection.execute(delete(client_tokens).where(client_tokens.c.at_ms < now - KEPT_MS))
    insert = insert_of(store.engine.dialect.name)
    row = {**vars(marked), "answer": {}, "at_ms": now}
    taken = insert(client_tokens).values(row).on_conflict_do_nothing().returning(client_tokens.c.token)
    if connection.execute(taken).first() is not None:
        return None
    found = connection.execute(select(client_tokens).where(*_is(marked))).one()
    if found.fingerprint != marked.fingerprint:
        raise TokenTaken(marked.token)
    answer: dict[str, Any] = found.answer
    return answer


def _is(marked: Marked) -> tuple[Any, ...]:
    return client_tokens.c.scope == marked.scope, client_tokens.c.token == marked.token
