"""Requests with a token: done once, together with what they ask for, however often they are sent."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection

from sagewright.store import client_tokens
from sagewright.store.client_tokens import Marked, TokenTaken
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

SCOPE = ResourceScope("model-package-group", "000000000000", "us-east-1")
ASKED = Marked("0/r/Create", "token", "a")


def counting(done: list[int]) -> Any:
    def do(_connection: Connection) -> dict[str, Any]:
        done.append(len(done))
        return {"Number": len(done)}

    return do


def test_the_same_request_is_answered_as_before(database: Database) -> None:
    done: list[int] = []
    assert client_tokens.once(database, ASKED, counting(done)) == {"Number": 1}
    assert client_tokens.once(database, ASKED, counting(done)) == {"Number": 1}
    assert client_tokens.once(database, None, counting(done)) == {"Number": 2}
    assert client_tokens.once(database, Marked("0/r/Update", "token", "b"), counting(done)) == {"Number": 3}
    with pytest.raises(TokenTaken):
        client_tokens.once(database, Marked("0/r/Create", "token", "b"), counting(done))


def test_a_token_is_free_again_when_its_request_fails(database: Database) -> None:
    def fail(_connection: Connection) -> dict[str, Any]:
        raise ValueError

    with pytest.raises(ValueError):
        client_tokens.once(database, ASKED, fail)
    assert client_tokens.once(database, Marked("0/r/Create", "token", "b"), counting([])) == {"Number": 1}


def test_a_token_is_forgotten_after_a_day(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    client_tokens.once(database, ASKED, counting([]))
    later = client_tokens.now_ms() + client_tokens.KEPT_MS + 1
    monkeypatch.setattr(client_tokens, "now_ms", lambda: later)
    assert client_tokens.once(database, Marked("0/r/Create", "token", "b"), counting([0])) == {"Number": 2}


def test_many_at_once_do_it_once(database: Database) -> None:
    done: list[int] = []
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(client_tokens.once(database, ASKED, counting(done))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (done, answers) == ([0], [{"Number": 1}] * 8)


def test_versions_are_counted_by_one_at_a_time_and_none_comes_again(database: Database) -> None:
    group = resources.create(database, SCOPE, New("g", {}, "arn", {}))
    numbers: list[int] = []

    def count() -> None:
        for _ in range(5):
            with database.write() as connection:
                assert resources.locked_in(connection, group.id) == group
                number = resources.next_version_in(connection, group.id)
                child = New("g", {}, "", {}, number, group.id)
                made = resources.create_in(connection, ResourceScope("model-package", *("0", "r")), child)
                resources.remove_children_in(connection, group.id)
            assert made.version == number
            numbers.append(number)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 21))
    assert resources.children(database, group.id) == []
    resources.remove(database, group, "arn")
    with database.write() as connection:
        assert resources.locked_in(connection, group.id) is None
