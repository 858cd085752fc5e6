"""Access keys, temporary sessions and roles, as rows."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.memory import changes
from sagewright.store.schema.identity import access_keys, roles

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class AccessKey:
    """A key pair. `session_token` None: long-lived. `expires_ms` None: until it is deleted."""

    id: str
    secret: str
    session_token: str | None
    principal_arn: str
    user_id: str
    expires_ms: int | None
    job_id: str | None


@dataclass(frozen=True)
class NewKey:
    """Who a key to be made stands for; `temporary` keys carry a session token."""

    principal_arn: str
    user_id: str
    temporary: bool = False
    expires_ms: int | None = None
    job_id: str | None = None


_KEY_BY_ID = select(*[access_keys.c[name] for name in AccessKey.__dataclass_fields__]).where(
    access_keys.c.id == bindparam("key_id")
)

_ROLE_BY_NAME = select(roles).where(roles.c.account == bindparam("account"), roles.c.name == bindparam("name"))
_DELETE_OF_JOB = delete(access_keys).where(access_keys.c.job_id == bindparam("job"))
_INSERT_KEY = insert(access_keys)
_KEYS = "access keys"


def random_id(prefix: str, length: int = 20) -> str:
    """An identifier in AWS's form: `prefix` and random upper-case letters and digits, `length` in all."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


def create_key(store: Database, new: NewKey) -> AccessKey:
    key = AccessKey(
        id=random_id("ASIA" if new.temporary else "AKIA"),
        secret=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(120) if new.temporary else None,
        principal_arn=new.principal_arn,
        user_id=new.user_id,
        expires_ms=new.expires_ms,
        job_id=new.job_id,
    )
    with store.write() as connection:
        connection.execute(_INSERT_KEY, {"created_ms": now_ms(), **vars(key)})
    return key


def find_key(store: Database, key_id: str) -> AccessKey | None:
    return store.recall(_KEYS, key_id, lambda: _read_key(store, key_id))


def _read_key(store: Database, key_id: str) -> AccessKey | None:
    with store.read() as connection:
        row = connection.execute(_KEY_BY_ID, {"key_id": key_id}).first()
    return AccessKey(*row) if row else None


def find_long_lived_key(store: Database, principal_arn: str) -> AccessKey | None:
    columns = [access_keys.c[name] for name in AccessKey.__dataclass_fields__]
    statement = select(*columns).where(
        access_keys.c.principal_arn == principal_arn, access_keys.c.session_token.is_(None)
    )
    with store.read() as connection:
        row = connection.execute(statement.limit(1)).first()
    return AccessKey(**row._mapping) if row else None


def delete_job_keys(connection: Connection, job_id: str) -> None:
    """End the credentials that a job ran with."""
    if connection.execute(_DELETE_OF_JOB, {"job": job_id}).rowcount:
        changes(connection, _KEYS)


def delete_expired_keys(store: Database) -> None:
    with store.write() as connection:
        connection.execute(delete(access_keys).where(access_keys.c.expires_ms < now_ms() - 86_400_000))
        changes(connection, _KEYS)


def put_role(store: Database, account: str, name: str, values: dict[str, Any]) -> bool:
    """Insert a role; False when one of that name exists."""
    try:
        with store.write() as connection:
            connection.execute(insert(roles).values(account=account, name=name, **values))
    except IntegrityError:
        return False
    return True


def find_role(store: Database, account: str, name: str) -> dict[str, Any] | None:
    with store.read() as connection:
        return _role(connection.execute(_ROLE_BY_NAME, {"account": account, "name": name}).first())


def list_roles(store: Database, account: str) -> Iterator[dict[str, Any]]:
    with store.read() as connection:
        rows = connection.execute(select(roles).where(roles.c.account == account).order_by(roles.c.name)).all()
    yield from (dict(row._mapping) for row in rows)


def update_role(store: Database, account: str, name: str, values: dict[str, Any]) -> None:
    with store.write() as connection:
        connection.execute(update(roles).where(roles.c.account == account, roles.c.name == name).values(**values))


def delete_role(store: Database, account: str, name: str) -> bool:
    with store.write() as connection:
        result = connection.execute(delete(roles).where(roles.c.account == account, roles.c.name == name))
    return bool(result.rowcount)


def _role(row: Row[Any] | None) -> dict[str, Any] | None:
    return dict(row._mapping) if row else None
