"""Stores of releases that kept secrets in clear: each secret is sealed, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from sagewright.engine.events.api_destinations import opened_auth
from sagewright.services.aws import kms_keys
from sagewright.services.aws.kms import grants, imports
from sagewright.services.aws.sns import signing
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.earlier_secrets import seal_earlier_secrets
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource
from sagewright.store.schema.identity import access_keys
from sagewright.store.schema.resources import resources as table
from sagewright.store.sealing.master_keys import MasterKeyFault

CLEAR = "VGhpcyBpcyBpbiBjbGVhcg"  # begins each secret
DOCUMENTS: dict[str, dict[str, Any]] = {
    "first": {"Material": f"{CLEAR}AA", "MaterialId": "aa", "Manager": "AWS"},
    "several": {
        "Materials": [
            {"Material": f"{CLEAR}BB", "MaterialId": "bb"},
            {"Material": None, "MaterialId": "cc"},
            {"Material": f"{CLEAR}DD", "MaterialId": "dd", "ValidToMs": 1},
        ],
        "Pending": {"Material": f"{CLEAR}EE", "MaterialId": "ee"},
    },
}


def put(database: Database, kind: str, name: str, document: dict[str, Any]) -> Resource:
    made = Resource(f"{kind}-{name}", kind, "0", "r", name, 0, "", "", 1, 1, document)
    with database.write() as connection:
        resources.put_in(connection, made)
    return made


def stored(database: Database) -> str:
    with database.read() as connection:
        rows = [list(connection.execute(select(one)).all()) for one in (access_keys, table)]
    return repr(rows)


@pytest.fixture
def earlier(database: Database) -> Iterator[Database]:
    with database.write() as connection:
        for number in range(1200):
            token = f"{CLEAR}-token-{number}" if number % 2 else None
            row = {"id": f"K{number}", "secret": f"{CLEAR}-{number}", "session_token": token}
            connection.execute(
                insert(access_keys), {**row, "principal_arn": "arn", "user_id": "u", "created_ms": number}
            )
    for name, document in DOCUMENTS.items():
        put(database, "kms-key", name, document)
    put(database, "kms-grant", "aa", {"Secret": f"{CLEAR}AA", "Operations": ["Decrypt"]})
    put(database, "kms-import", "bb", {"Private": f"{CLEAR}AA", "ValidToMs": 1})
    put(database, "sns-signer", "signer", {"Key": f"{CLEAR} in PEM", "Certificate": "public"})
    auth = {"BasicAuthParameters": {"Username": "u", "Password": f"{CLEAR}!"}}
    put(database, "event-connection", "hook", {"AuthorizationType": "BASIC", "AuthParameters": auth})
    put(database, "model", "model", {"Material": f"a model's own {CLEAR}"})
    yield database


def test_every_secret_is_sealed_and_none_is_lost(earlier: Database) -> None:
    seal_earlier_secrets(earlier)
    assert stored(earlier).count(CLEAR) == 1  # the model's
    for number in range(0, 1200, 37):
        key = identity.find_key(earlier, f"K{number}")
        token = f"{CLEAR}-token-{number}" if number % 2 else None
        assert key
        assert (key.secret, key.session_token) == (f"{CLEAR}-{number}", token)
    kept = {name: resources.get(earlier, f"kms-key-{name}") for name in DOCUMENTS}
    for name, document in DOCUMENTS.items():
        key_row = kept[name]
        assert key_row
        before, now = kms_keys.materials(document), kms_keys.materials(key_row.document)
        if "Pending" in document:
            before, now = [*before, document["Pending"]], [*now, key_row.document["Pending"]]
        for old, new in zip(before, now, strict=True):
            assert old | {"Material": 0} == new | {"Material": 0}
            if old["Material"] is None:
                assert new["Material"] is None
            else:
                sealed = earlier.secrets.open(new["Material"], kms_keys.secret_of(name, new["MaterialId"]))
                assert sealed == old["Material"]
    found = {kind: resources.of_kind(earlier, kind)[0] for kind in ("kms-grant", "kms-import", "sns-signer")}
    secrets = earlier.secrets
    assert secrets.open(found["kms-grant"].document["Secret"], grants.secret_of("aa")) == f"{CLEAR}AA"
    assert secrets.open(found["kms-import"].document["Private"], imports.secret_of("bb")) == f"{CLEAR}AA"
    assert secrets.open(found["sns-signer"].document["Key"], signing.secret_of("0", "r")) == f"{CLEAR} in PEM"
    (connection,) = resources.of_kind(earlier, "event-connection")
    assert opened_auth(earlier, connection)["BasicAuthParameters"]["Password"] == f"{CLEAR}!"
    assert "AuthParameters" not in connection.document


def test_it_can_be_interrupted_and_runs_once(earlier: Database) -> None:
    earlier.secrets.seal("x", "y")
    with earlier.write() as connection:  # as a server that was killed leaves it
        connection.execute(text("UPDATE access_keys SET secret = 'later' WHERE id = 'K7'"))
    seal_earlier_secrets(earlier)
    with earlier.write() as connection:
        connection.execute(text("UPDATE data_keys SET rows_sealed_ms = NULL"))
    before = stored(earlier)
    seal_earlier_secrets(earlier)
    assert stored(earlier) == before
    key = identity.find_key(earlier, "K7")
    assert key
    assert key.secret == "later"


def test_no_file_of_sqlite_holds_them_afterwards(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with database.write() as connection:
        for number in range(700):
            row = {"id": f"K{number}", "secret": CLEAR * 3, "session_token": CLEAR * 9, "principal_arn": "a"}
            connection.execute(insert(access_keys), {**row, "user_id": "u", "created_ms": 1})
    seal_earlier_secrets(database)
    for file in tmp_path.iterdir():
        assert CLEAR.encode() not in file.read_bytes(), file
    database.close()


def test_clear_text_written_later_is_not_trusted(database: Database) -> None:
    seal_earlier_secrets(database)
    with database.write() as connection:
        row = {"id": "K", "secret": CLEAR, "session_token": None, "principal_arn": "a", "user_id": "u", "created_ms": 1}
        connection.execute(insert(access_keys), row)
    with pytest.raises(MasterKeyFault):
        identity.find_key(database, "K")
