"""Seals the secrets that releases before 0.3 kept in clear, at the first start of a later one.

It can be repeated: sealed secrets stay. Kinds and members are those of the releases before, whatever later ones call them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select, update

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.identity import SECRETS, secret_of
from sagewright.store.schema.data_keys import data_keys
from sagewright.store.schema.identity import access_keys
from sagewright.store.schema.resources import resources
from sagewright.store.sealing.ciphers import SecretCipher, is_sealed

_SLICE = 500  # rows of one transaction
_SEALED_MS = select(data_keys.c.rows_sealed_ms)
_KEYS = (
    select(access_keys.c.id, *(access_keys.c[name] for name in SECRETS))
    .where(access_keys.c.id > bindparam("last"))
    .order_by(access_keys.c.id)
    .limit(_SLICE)
)
_CHANGE_KEY = update(access_keys).where(access_keys.c.id == bindparam("key_id"))
_COLUMNS = [resources.c[name] for name in ("id", "kind", "account", "region", "name", "document")]
_OF_KIND = select(*_COLUMNS).where(resources.c.kind == bindparam("of"), resources.c.id > bindparam("last"))
_CHANGE = update(resources).where(resources.c.id == bindparam("resource_id"))
Document = dict[str, Any]
Seal = Callable[[str, str], str]


def seal_earlier_secrets(store: Database) -> None:
    """Seals secrets that are still plain text. Raises MasterKeyFault without the master key."""
    cipher = store.secrets
    with store.read() as connection:
        if connection.execute(_SEALED_MS).scalar() is not None:
            return
    last = ""
    while last := _seal_keys(store, cipher, last):
        pass
    for kind in _SEALERS:
        while last := _seal_resources(store, cipher, kind, last):
            pass
    with store.write(durable=True) as connection:
        connection.execute(update(data_keys).values(rows_sealed_ms=now_ms()))
    store.memory.clear()
    _forget_clear_text(store)


def _seal_keys(store: Database, cipher: SecretCipher, last: str) -> str:
    """Seals a slice of the keys; returns the last id, "" after the last slice."""
    seal = _once(cipher)
    with store.write() as connection:
        _erase(connection)
        rows = connection.execute(_KEYS, {"last": last}).mappings().all()
        for row in rows:
            sealed = {name: row[name] and seal(row[name], secret_of(row["id"], name)) for name in SECRETS}
            if any(sealed[name] != row[name] for name in SECRETS):
                connection.execute(_CHANGE_KEY, {"key_id": row["id"], **sealed})
    return str(rows[-1]["id"]) if len(rows) == _SLICE else ""


def _seal_resources(store: Database, cipher: SecretCipher, kind: str, last: str) -> str:
    """Seals a slice of a kind's documents; returns the last id, "" after the last slice."""
    seal = _SEALERS[kind]
    statement = _OF_KIND.order_by(resources.c.id).limit(_SLICE)
    with store.write() as connection:
        _erase(connection)
        rows = connection.execute(statement, {"of": kind, "last": last}).mappings().all()
        for row in rows:
            document = seal(row, dict(row["document"]), _once(cipher))
            if document != row["document"]:
                connection.execute(_CHANGE, {"resource_id": row["id"], "document": document})
    return str(rows[-1]["id"]) if len(rows) == _SLICE else ""


def _once(cipher: SecretCipher) -> Seal:
    return lambda secret, identity: secret if is_sealed(secret) else cipher.seal(secret, identity)


def _material(row: Any, document: Document, seal: Seal) -> Document:
    """Seals the material of a KMS key: current, former, pending, and that in the members of the first releases."""

    def sealed(one: Document) -> Document:
        plain = one.get("Material")
        return one if plain is None else one | {"Material": seal(plain, f"kms-key/{row['name']}/{one['MaterialId']}")}

    kept = sealed(document) if "MaterialId" in document else document
    if "Materials" in kept:
        kept = kept | {"Materials": [sealed(one) for one in kept["Materials"]]}
    return kept | ({"Pending": sealed(kept["Pending"])} if kept.get("Pending") else {})


def _grant(row: Any, document: Document, seal: Seal) -> Document:
    return document | {"Secret": seal(document["Secret"], f"kms-grant/{row['name']}")}


def _import(row: Any, document: Document, seal: Seal) -> Document:
    return document | {"Private": seal(document["Private"], f"kms-import/{row['name']}")}


def _signer(row: Any, document: Document, seal: Seal) -> Document:
    return document | {"Key": seal(document["Key"], f"sns-signer/{row['account']}/{row['region']}")}


def _connection(row: Any, document: Document, seal: Seal) -> Document:
    if "AuthParameters" not in document:
        return document
    kept = {name: value for name, value in document.items() if name != "AuthParameters"}
    text = orjson.dumps(document["AuthParameters"]).decode()
    identity = "/".join(row[name] for name in ("kind", "account", "region", "name"))
    return kept | {"SealedAuthParameters": seal(text, identity)}


_SEALERS: dict[str, Callable[[Any, Document, Seal], Document]] = {
    "kms-key": _material,
    "kms-grant": _grant,
    "kms-import": _import,
    "sns-signer": _signer,
    "event-connection": _connection,
}


def _erase(connection: Connection) -> None:
    """Lets SQLite overwrite the values that the transaction replaces."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def _forget_clear_text(store: Database) -> None:
    """Removes the remains in SQLite's log. PostgreSQL overwrites its old rows when it vacuums."""
    if not store.embedded:
        return
    with store.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("PRAGMA secure_delete = OFF")
