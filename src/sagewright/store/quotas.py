"""Limits that an administrator has set, by account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.memory import changes
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.reservations import quota_limits

Limits = Mapping[tuple[str, str], float]
"""Values by subject and code of quota; the empty subject is the account."""
_OF_ACCOUNT = PreparedStatement(
    select(quota_limits.c.subject, quota_limits.c.quota, quota_limits.c.value)
    .where(quota_limits.c.account == bindparam("account"))
    .order_by(quota_limits.c.subject, quota_limits.c.quota)
)
_REMOVE = delete(quota_limits).where(
    *(quota_limits.c[name] == bindparam(f"of_{name}") for name in ("account", "subject", "quota"))
)


def limits_of(store: Database, account: str) -> Limits:
    return _limits(store.recall(_subject(account), "limits", lambda: _read(store, account)) or ())


def _read(store: Database, account: str) -> list[list[Any]]:
    with store.read() as connection:
        return [list(row) for row in _OF_ACCOUNT.all(connection, {"account": account})]


def _limits(rows: Sequence[Sequence[Any]]) -> Limits:
    return {(row[0], row[1]): row[2] for row in rows}


def limits_in(connection: Connection, account: str) -> Limits:
    """`limits_of` inside the caller's transaction."""
    return _limits(_OF_ACCOUNT.all(connection, {"account": account}))


def set_limit(store: Database, account: str, subject: str, quota: str, value: float) -> None:
    with store.write() as connection:
        set_limit_in(connection, account, subject, quota, value)


def set_limit_in(connection: Connection, account: str, subject: str, quota: str, value: float) -> None:
    """`set_limit` inside the caller's transaction."""
    _remove_in(connection, account, subject, quota)
    row = {"account": account, "subject": subject, "quota": quota, "value": value, "set_ms": now_ms()}
    connection.execute(insert(quota_limits), row)


def unset_limit(store: Database, account: str, subject: str, quota: str) -> bool:
    """Returns False if there is no such limit."""
    with store.write() as connection:
        return _remove_in(connection, account, subject, quota)


def _remove_in(connection: Connection, account: str, subject: str, quota: str) -> bool:
    changes(connection, _subject(account))
    return bool(connection.execute(_REMOVE, {"of_account": account, "of_subject": subject, "of_quota": quota}).rowcount)


def _subject(account: str) -> str:
    return f"quotas/{account}"
