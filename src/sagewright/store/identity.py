"""Access keys, temporary sessions and roles, as rows."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.arns import id_of, role_arn
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.memory import IDENTITIES, changes
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.identity import access_keys, roles
from sagewright.store.sealing.ciphers import SecretCipher

SECRETS = ("secret", "session_token")
"""Columns of a key that are sealed."""
KEYS_OF_A_JOB = 1000
"""Maximum number of unexpired sessions of a job: all of them are deleted with the job."""
_SLICE = 500  # rows of one background transaction
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class NewKey:
    """The principal of a key to create; `temporary` keys carry a session token."""

    principal_arn: str
    user_id: str
    temporary: bool = False
    expires_ms: int | None = None
    job_id: str | None = None
    session: str | None = None


class KeyStatus(StrEnum):
    """Status of a user's key; an inactive one signs nothing."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


@dataclass(frozen=True)
class KeyState:
    """A long-lived key without its secret."""

    id: str
    created_ms: int
    status: KeyStatus


_IS_ACTIVE = access_keys.c.status.is_(None)
_KEY_BY_ID = select(*[access_keys.c[name] for name in AccessKey.__dataclass_fields__]).where(
    access_keys.c.id == bindparam("key_id"), _IS_ACTIVE
)

_ROLE_COLUMNS = tuple(column.name for column in roles.columns)
_ROLE_BY_NAME = PreparedStatement(
    select(roles).where(roles.c.account == bindparam("account"), roles.c.name == bindparam("name"))
)
_DELETE_OF_JOBS = PreparedStatement(delete(access_keys).where(among(access_keys.c.job_id, "jobs")))
_INSERT_KEY = insert(access_keys)
_PARENT = _KEY_BY_ID.with_for_update()
_KEY = PreparedStatement(_KEY_BY_ID)
_DELETE_EXPIRED_OF_JOB = delete(access_keys).where(
    access_keys.c.job_id == bindparam("job"), access_keys.c.expires_ms < bindparam("now")
)
_COUNT_OF_JOB = select(func.count()).where(access_keys.c.job_id == bindparam("job"))
_KEYS = "access keys"


def random_id(prefix: str, length: int = 20) -> str:
    """Returns an identifier in AWS's format: `prefix` and random upper-case letters and digits, `length` in all."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


class KeyGone(Exception):
    """The parent of the key to create no longer exists."""


def create_key(store: Database, new: NewKey) -> AccessKey:
    key = _made(new)
    row = _row_of(store, key)
    with store.write() as connection:
        connection.execute(_INSERT_KEY, row)
    return key


def derive_key(store: Database, parent_id: str, new: NewKey) -> AccessKey:
    """Creates a key on behalf of another one. If that one belongs to a job, so does the new one, and it ends with the job; if it is
    of the same principal, the policies of its session limit the new one too.

    Raises KeyGone, and AwsError if the job has too many keys.
    """
    now, cipher = now_ms(), store.secrets
    with store.write() as connection:
        row = connection.execute(_PARENT, {"key_id": parent_id}).first()
        if row is None:
            raise KeyGone(parent_id)
        parent = _key_of(cipher, row)
        inherited = parent.session if new.principal_arn == parent.principal_arn else None
        key = _made(replace(new, job_id=parent.job_id, session=new.session or inherited))
        if key.job_id is not None:
            connection.execute(_DELETE_EXPIRED_OF_JOB, {"job": key.job_id, "now": now})
            if connection.execute(_COUNT_OF_JOB, {"job": key.job_id}).scalar_one() > KEYS_OF_A_JOB:
                raise AwsError("LimitExceeded", f"A job can't have more than {KEYS_OF_A_JOB} sessions at a time.", 409)
        connection.execute(_INSERT_KEY, _sealed(cipher, key) | {"created_ms": now})
    return key


def _made(new: NewKey) -> AccessKey:
    return AccessKey(
        id=random_id("ASIA" if new.temporary else "AKIA"),
        secret=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(120) if new.temporary else None,
        principal_arn=new.principal_arn,
        user_id=new.user_id,
        expires_ms=new.expires_ms,
        job_id=new.job_id,
        session=new.session,
    )


def _row_of(store: Database, key: AccessKey) -> dict[str, Any]:
    return _sealed(store.secrets, key) | {"created_ms": now_ms()}


def _sealed(cipher: SecretCipher, key: AccessKey) -> dict[str, Any]:
    """Returns the columns of a key, its secrets sealed."""
    held = {name: getattr(key, name) for name in SECRETS}
    return vars(key) | {name: one and cipher.seal(one, secret_of(key.id, name)) for name, one in held.items()}


def _key_of(cipher: SecretCipher, row: Any) -> AccessKey:
    """Returns the key of a row, its secrets opened. Raises MasterKeyFault."""
    sealed = AccessKey(*row)
    token = sealed.session_token
    return replace(
        sealed,
        secret=cipher.open(sealed.secret, secret_of(sealed.id, "secret")),
        session_token=token and cipher.open(token, secret_of(sealed.id, "session_token")),
    )


def secret_of(key_id: str, column: str) -> str:
    """Returns the identity of a sealed column."""
    return f"access_keys/{key_id}/{column}"


def create_key_of_user(store: Database, new: NewKey, most: int) -> AccessKey | None:
    """Creates a long-lived key; returns None if its principal has `most` already."""
    key = _made(new)
    row = _row_of(store, key)
    of_user = access_keys.c.principal_arn == new.principal_arn
    with store.write() as connection:
        long_lived = select(func.count()).where(of_user, access_keys.c.session_token.is_(None))
        if connection.execute(long_lived).scalar_one() >= most:
            return None
        connection.execute(_INSERT_KEY, row)
    return key


def keys_of(store: Database, principal_arn: str) -> list[KeyState]:
    """Returns the long-lived keys of a principal, oldest first."""
    statement = (
        select(access_keys.c.id, access_keys.c.created_ms, access_keys.c.status)
        .where(access_keys.c.principal_arn == principal_arn, access_keys.c.session_token.is_(None))
        .order_by(access_keys.c.created_ms, access_keys.c.id)
    )
    with store.read() as connection:
        rows = connection.execute(statement).all()
    return [KeyState(row.id, row.created_ms, KeyStatus(row.status or KeyStatus.ACTIVE)) for row in rows]


def set_key_status(store: Database, key_id: str, status: KeyStatus) -> None:
    kept = None if status is KeyStatus.ACTIVE else str(status)
    with store.write() as connection:
        connection.execute(update(access_keys).where(access_keys.c.id == key_id).values(status=kept))
        changes(connection, _KEYS)


def delete_sessions(store: Database, principal_arn: str) -> None:
    """Deletes every key of a principal: its sessions, too."""
    with store.write() as connection:
        connection.execute(delete(access_keys).where(access_keys.c.principal_arn == principal_arn))
        changes(connection, _KEYS)


def end_sessions(store: Database, principal_arn: str) -> None:
    """Deletes a principal's temporary keys: sessions in Studio and in notebooks, one-time URLs, those of GetSessionToken."""
    temporary = access_keys.c.session_token.is_not(None) & access_keys.c.job_id.is_(None)
    with store.write() as connection:
        connection.execute(delete(access_keys).where(access_keys.c.principal_arn == principal_arn, temporary))
        changes(connection, _KEYS)


def find_key(store: Database, key_id: str) -> AccessKey | None:
    return store.recall(_KEYS, key_id, lambda: _read_key(store, key_id))


def _read_key(store: Database, key_id: str) -> AccessKey | None:
    with store.read() as connection:
        row = _KEY.first(connection, {"key_id": key_id})
    return _key_of(store.secrets, row) if row else None


def find_long_lived_key(store: Database, principal_arn: str) -> AccessKey | None:
    """Returns the newest one, which replaces the others."""
    columns = [access_keys.c[name] for name in AccessKey.__dataclass_fields__]
    statement = select(*columns).where(
        access_keys.c.principal_arn == principal_arn, access_keys.c.session_token.is_(None), _IS_ACTIVE
    )
    with store.read() as connection:
        row = connection.execute(statement.order_by(access_keys.c.created_ms.desc()).limit(1)).first()
    return _key_of(store.secrets, row) if row else None


def created_ms(store: Database, principal_arn: str) -> int:
    """Returns the time at which the principal's first long-lived key was created; 0 without one."""
    statement = select(func.min(access_keys.c.created_ms)).where(
        access_keys.c.principal_arn == principal_arn, access_keys.c.session_token.is_(None)
    )
    with store.read() as connection:
        return int(connection.execute(statement).scalar() or 0)


def delete_key(store: Database, key_id: str) -> bool:
    """Deletes a key; returns False if it no longer exists."""
    with store.write() as connection:
        found = connection.execute(delete(access_keys).where(access_keys.c.id == key_id)).rowcount > 0
        changes(connection, _KEYS)
    return found


def delete_job_keys(connection: Connection, job_ids: Sequence[str]) -> None:
    """Deletes the credentials that jobs ran with, and those derived from them."""
    while _DELETE_OF_JOBS.changed(connection, {"jobs": job_ids}):  # PostgreSQL: one may just be being created
        changes(connection, _KEYS)


def delete_expired_keys(store: Database) -> None:
    """Deletes keys that expired more than a day ago, in batches."""
    old = select(access_keys.c.id).where(access_keys.c.expires_ms < now_ms() - 86_400_000).limit(_SLICE)
    while True:
        with store.write() as connection:
            ids = list(connection.execute(old).scalars())
            if ids:
                connection.execute(delete(access_keys).where(access_keys.c.id.in_(ids)))
                changes(connection, _KEYS)
        if len(ids) < _SLICE:
            return


def rename_key(store: Database, key: AccessKey, user_id: str) -> AccessKey:
    """Returns the key under a new user id."""
    if key.user_id == user_id:
        return key
    with store.write() as connection:
        connection.execute(update(access_keys).where(access_keys.c.id == key.id).values(user_id=user_id))
        changes(connection, _KEYS)
    return replace(key, user_id=user_id)


def role_id(store: Database, account: str, name: str) -> str:
    """Returns the RoleId of a role; for a role that was never created, the id it would have."""
    role = find_role(store, account, name)
    return str(role["id"]) if role else id_of("AROA", role_arn(account, name))


def put_role(store: Database, account: str, name: str, values: dict[str, Any]) -> bool:
    """Inserts a role; returns False if one of that name exists."""
    try:
        with store.write() as connection:
            connection.execute(insert(roles).values(account=account, name=name, **values))
            _role_changed(connection, account, name)
    except IntegrityError:
        return False
    return True


def find_role(store: Database, account: str, name: str) -> dict[str, Any] | None:
    """Returns a role; callers must not change it."""
    found = store.recall(_role_subject(account, name), "role", lambda: (_read_role(store, account, name),))
    return dict(found[0]) if found and found[0] else None


def _role_changed(connection: Connection, account: str, name: str) -> None:
    changes(connection, _role_subject(account, name))
    changes(connection, IDENTITIES)


def _role_subject(account: str, name: str) -> str:
    return f"role/{account}/{name}"


def _read_role(store: Database, account: str, name: str) -> dict[str, Any] | None:
    with store.read() as connection:
        row = _ROLE_BY_NAME.first(connection, {"account": account, "name": name})
    return dict(zip(_ROLE_COLUMNS, row, strict=True)) if row else None


def list_roles(store: Database, account: str) -> Iterator[dict[str, Any]]:
    with store.read() as connection:
        rows = connection.execute(select(roles).where(roles.c.account == account).order_by(roles.c.name)).all()
    yield from (dict(row._mapping) for row in rows)


def update_role(store: Database, account: str, name: str, values: dict[str, Any]) -> None:
    with store.write() as connection:
        connection.execute(update(roles).where(roles.c.account == account, roles.c.name == name).values(**values))
        _role_changed(connection, account, name)


def delete_role(store: Database, account: str, name: str) -> bool:
    with store.write() as connection:
        result = connection.execute(delete(roles).where(roles.c.account == account, roles.c.name == name))
        _role_changed(connection, account, name)
    return bool(result.rowcount)
