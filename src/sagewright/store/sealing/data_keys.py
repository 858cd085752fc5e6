"""The data key: one row contains it, wrapped by each master key that may open it.

A rotation replaces only the wrapping. The new master key is on the disk before the row needs it, and the old one stays until the
row doesn't, so a process that is killed leaves a row that a key opens.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.schema.data_keys import data_keys
from sagewright.store.sealing.ciphers import SecretCipher
from sagewright.store.sealing.master_keys import BYTES, MasterKey, MasterKeyFault, MasterKeySource, new_master_key

FIRST = 1
"""Number of the only data key."""
_IDENTITY = f"data_keys/{FIRST}"
_WRAPS = select(data_keys.c.wraps).where(data_keys.c.number == FIRST)
Wraps = Mapping[str, str]
"""The wrapped data key by the id of each master key."""


def open_cipher(engine: Engine, source: MasterKeySource) -> SecretCipher:
    """Returns the cipher of the store's secrets; a new store gets a data key. Raises MasterKeyFault, OSError."""
    with engine.connect() as connection:
        wraps = connection.execute(_WRAPS).scalar()
    return SecretCipher(_opened(wraps if wraps is not None else _made(engine, source), source.read(), source.place))


def rotate(engine: Engine, source: MasterKeySource, *, shared: bool, to: MasterKeySource | None = None) -> MasterKey:
    """Wraps the data key by another master key: a new one in the source's file, or the one in `to`. Returns it.

    The former key goes on to open the row if `shared`, or with `to`, until `finish`. Raises MasterKeyFault, OSError.
    """
    target = to or source
    if target.given:
        raise MasterKeyFault(
            f"{source.place[:1].upper()}{source.place[1:]} can't be rewritten: name a file for the new key, --to FILE."
        )
    with source.exclusive():
        return _rotated(engine, source, shared, to)


def _rotated(engine: Engine, source: MasterKeySource, shared: bool, to: MasterKeySource | None) -> MasterKey:
    known = source.read()
    new = _first(to.read()) if to else new_master_key()
    if to is None:
        source.write([new, *known])
    elif not to.read():
        to.write([new])
    with _durable(engine) as connection:
        wraps = connection.execute(_WRAPS.with_for_update()).scalar()
        if wraps is None:
            raise MasterKeyFault("The store has no secrets yet: start the server first.")
        added = {new.id: _wrapped(_opened(wraps, known, source.place), new)}
        connection.execute(_CHANGE, {"wraps": {**wraps, **added} if shared or to else added})
    if to is None:
        source.write([new])
    return new


def finish(engine: Engine, source: MasterKeySource) -> list[str]:
    """Removes all master keys except the source's current one from the row; returns their ids. Raises MasterKeyFault, OSError."""
    with _durable(engine) as connection:
        wraps = connection.execute(_WRAPS.with_for_update()).scalar() or {}
        keys = source.read()
        opened = _opened(wraps, keys, source.place)
        connection.execute(_CHANGE, {"wraps": {keys[0].id: _wrapped(opened, keys[0])}})
    return sorted(set(wraps) - {keys[0].id})


def master_key_ids(connection: Connection) -> list[str]:
    """Returns the ids of the master keys that open the store; none for a store without secrets."""
    return sorted(connection.execute(_WRAPS).scalar() or ())


_CHANGE = update(data_keys).where(data_keys.c.number == FIRST)


def _first(keys: Sequence[MasterKey]) -> MasterKey:
    return keys[0] if keys else new_master_key()


def _made(engine: Engine, source: MasterKeySource) -> Wraps:
    """Returns the row of a new data key, or that of another server that was first."""
    keys = source.read() or (source.make() if source.can_make else [])
    if not keys:
        raise MasterKeyFault(
            f"There is no master key: {source.place} does not exist. Create one: head -c 32 /dev/urandom | base64 > {source.file}"
        )
    new = secrets.token_bytes(BYTES)
    with engine.begin() as connection:
        wraps = {keys[0].id: _wrapped(new, keys[0])}
        insert_absent(connection, data_keys, {"number": FIRST, "created_ms": now_ms(), "wraps": wraps})
    with engine.connect() as connection:
        kept: Wraps = connection.execute(_WRAPS).scalar_one()
    return kept


def _wrapped(key: bytes, master: MasterKey) -> str:
    return SecretCipher(master.secret).seal(base64.b64encode(key).decode(), _IDENTITY)


def _opened(wraps: Wraps, keys: Sequence[MasterKey], place: str) -> bytes:
    """Returns the data key. Raises MasterKeyFault if none of the master keys opens it."""
    needed = " or ".join(sorted(wraps))
    if not keys:
        raise MasterKeyFault(
            f"The store's secrets are sealed with the master key {needed}, and {place} does not exist. Put the key there, name its "
            "file (SAGEWRIGHT_MASTER_KEY_FILE), or set the key itself (SAGEWRIGHT_MASTER_KEY)."
        )
    found = next((one for one in keys if one.id in wraps), None)
    if found is None:
        raise MasterKeyFault(
            f"The store's secrets are sealed with the master key {needed}; {place} contains {keys[0].id}. Put the right key "
            f"there, or "
            "name another file: SAGEWRIGHT_MASTER_KEY_FILE."
        )
    return base64.b64decode(SecretCipher(found.secret).open(wraps[found.id], _IDENTITY))


@contextmanager
def _durable(engine: Engine) -> Iterator[Connection]:
    """Yields a connection in a transaction that is on the disk when the block ends, whatever the setting `fsync` says."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            yield connection
        return
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = FULL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
