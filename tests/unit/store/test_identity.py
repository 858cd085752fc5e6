"""Keys and roles."""

from __future__ import annotations

from sagewright.model.clock import now_ms
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey

ROLE = {
    "id": "AROA", "path": "/", "trust_policy": "{}", "description": "", "max_session_s": 3600, "created_ms": 1,
    "attached": [], "inline": {},
}  # fmt: skip


def test_keys(database: Database) -> None:
    lasting = identity.create_key(database, NewKey("arn:admin", "id"))
    job_key = identity.create_key(database, NewKey("arn:role", "id", temporary=True, job_id="j1"))
    old = identity.create_key(database, NewKey("arn:role", "id", temporary=True, expires_ms=now_ms() - 10**9))
    assert lasting.id.startswith("AKIA")
    assert lasting.session_token is None
    assert job_key.id.startswith("ASIA")
    assert identity.find_key(database, job_key.id) == job_key
    assert identity.find_long_lived_key(database, "arn:admin") == lasting
    assert identity.find_long_lived_key(database, "arn:role") is None
    with database.write() as connection:
        identity.delete_job_keys(connection, "j1")
    identity.delete_expired_keys(database)
    assert identity.find_key(database, job_key.id) is None
    assert identity.find_key(database, old.id) is None
    assert identity.find_key(database, lasting.id) == lasting


def test_roles(database: Database) -> None:
    assert identity.put_role(database, "0", "r", ROLE)
    assert not identity.put_role(database, "0", "r", ROLE)
    identity.update_role(database, "0", "r", {"attached": ["arn:p"]})
    role = identity.find_role(database, "0", "r")
    assert role
    assert role["attached"] == ["arn:p"]
    assert [r["name"] for r in identity.list_roles(database, "0")] == ["r"]
    assert identity.delete_role(database, "0", "r")
    assert not identity.delete_role(database, "0", "r")
