"""Keys and roles."""

from __future__ import annotations

import threading

import pytest

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
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
        identity.delete_job_keys(connection, ["j1"])
    identity.delete_expired_keys(database)
    assert identity.find_key(database, job_key.id) is None
    assert identity.find_key(database, old.id) is None
    assert identity.find_key(database, lasting.id) == lasting


def end(database: Database, job_id: str) -> None:
    with database.write() as connection:
        identity.delete_job_keys(connection, [job_id])


def test_keys_made_with_a_jobs_keys_end_with_it(database: Database) -> None:
    other = identity.create_key(database, NewKey("arn:admin", "id"))
    first = identity.create_key(database, NewKey("arn:role", "id", temporary=True, job_id="j1"))
    keys = [first]
    for _ in range(4):
        keys.append(identity.derive_key(database, keys[-1].id, NewKey("arn:role", "id", temporary=True)))
    free = identity.derive_key(database, other.id, NewKey("arn:admin", "id", temporary=True))
    assert {key.job_id for key in keys} == {"j1"}
    assert all(identity.find_key(database, key.id) for key in keys)
    end(database, "j1")
    assert not any(identity.find_key(database, key.id) for key in keys)
    assert identity.find_key(database, free.id) == free
    for key in keys:
        with pytest.raises(identity.KeyGone):
            identity.derive_key(database, key.id, NewKey("arn:role", "id", temporary=True))


def test_no_key_is_made_while_its_job_ends(database: Database) -> None:
    for number in range(10):
        job = f"j{number}"
        made = [identity.create_key(database, NewKey("arn:role", "id", temporary=True, job_id=job))]
        begun = threading.Event()

        def make(made: list[identity.AccessKey] = made, begun: threading.Event = begun) -> None:
            with pytest.raises(identity.KeyGone):
                while True:
                    made.append(identity.derive_key(database, made[-1].id, NewKey("arn:role", "id", temporary=True)))
                    begun.set()

        threads = [threading.Thread(target=make) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait(10)
        end(database, job)
        for thread in threads:
            thread.join()
        assert not any(identity.find_key(database, key.id) for key in made)


def test_a_job_cannot_make_keys_without_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "KEYS_OF_A_JOB", 5)
    first = identity.create_key(database, NewKey("arn:role", "id", temporary=True, job_id="j1"))
    session = NewKey("arn:role", "id", temporary=True, expires_ms=now_ms() + 10**6)
    for _ in range(20):  # what has expired makes room
        identity.derive_key(database, first.id, NewKey("arn:role", "id", temporary=True, expires_ms=now_ms() - 1))
    for _ in range(5):
        identity.derive_key(database, first.id, session)
    with pytest.raises(AwsError, match="LimitExceeded"):
        identity.derive_key(database, first.id, session)


def test_expired_keys_are_deleted_some_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SLICE", 3)
    old = [identity.create_key(database, NewKey("a", "i", temporary=True, expires_ms=number)) for number in range(10)]
    identity.delete_expired_keys(database)
    assert not any(identity.find_key(database, key.id) for key in old)


def test_a_role_that_nobody_made_has_the_same_id_everywhere(database: Database) -> None:
    assert identity.role_id(database, "000000000000", "SageMakerExecutionRole") == "AROABCVHEKWNIMNPGKHU"
    identity.put_role(database, "000000000000", "SageMakerExecutionRole", ROLE)
    assert identity.role_id(database, "000000000000", "SageMakerExecutionRole") == "AROA"


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
