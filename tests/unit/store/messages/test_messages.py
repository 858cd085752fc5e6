"""Messages of queues: each is received by one at a time, even with concurrent receivers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from sagewright.store.database import Database
from sagewright.store.messages import messages
from sagewright.store.messages.messages import MessageDraft, Reception
from sagewright.store.schema.messages import messages as table

PLAIN = Reception(most=10, hidden_ms=60_000, oldest_ms=0)
FIFO = Reception(most=10, hidden_ms=60_000, oldest_ms=0, fifo=True)


def send(store: Database, *bodies: str, group: str = "") -> None:
    messages.send(store, "q", [MessageDraft(body, {}, "me", group=group) for body in bodies])


def bodies(store: Database, how: Reception, queue: str = "q") -> list[str]:
    return [one.body for one in messages.receive(store, queue, how)]


def test_a_message_is_received_by_one_of_many(database: Database) -> None:
    send(database, *(str(number) for number in range(60)))
    found: Counter[str] = Counter()

    def receive() -> None:
        while got := bodies(database, PLAIN):
            found.update(got)

    threads = [threading.Thread(target=receive) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    receive()  # what each thought another one held
    assert found == Counter({str(number): 1 for number in range(60)})
    assert messages.count(database, "q") == messages.Count(0, 60, 0)


def test_a_hidden_message_comes_back_and_its_old_handle_is_good(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But in a FIFO queue it is void."""
    send(database, "x")
    (first,) = messages.receive(database, "q", PLAIN)
    later = messages.now_ms() + PLAIN.hidden_ms + 1
    monkeypatch.setattr(messages, "now_ms", lambda: later)
    (second,) = messages.receive(database, "q", PLAIN)
    assert (second.receives, second.received_ms) == (2, first.received_ms)
    old, new = first.handle or "", second.handle or ""
    assert not messages.hide(database, "q", old, 0)
    assert not messages.remove(database, "q", old, fifo=True)
    assert messages.hide(database, "q", old, 1000, earlier=True)
    assert messages.hide(database, "q", new, 0)
    assert not messages.hide(database, "q", old, 0, earlier=True)  # nobody has it
    assert messages.count(database, "q") == messages.Count(1, 0, 0)
    assert messages.remove(database, "q", old)
    assert messages.count(database, "q") == messages.Count(0, 0, 0)


def test_an_old_handle_is_of_no_other_message(database: Database) -> None:
    """Ids of rows are given again."""
    send(database, "x")
    (first,) = messages.receive(database, "q", PLAIN)
    assert messages.remove(database, "q", first.handle or "")
    send(database, "y")
    assert messages.remove(database, "q", first.handle or "")
    assert messages.count(database, "q") == messages.Count(1, 0, 0)


def test_what_is_too_old_is_forgotten(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    send(database, "old")
    begun = messages.now_ms()
    monkeypatch.setattr(messages, "now_ms", lambda: begun + 5000)
    send(database, "new")
    assert bodies(database, Reception(most=9, hidden_ms=0, oldest_ms=begun + 1000)) == ["new"]
    assert messages.count(database, "q") == messages.Count(1, 0, 0)
    monkeypatch.setattr(messages, "now_ms", lambda: begun + messages.MOST_KEPT_MS + 10_000)
    send(database, "newest")  # whoever sends forgets, since nobody may receive
    assert messages.count(database, "q") == messages.Count(1, 0, 0)


def test_a_long_queue_takes_no_longer(tmp_path: Path) -> None:
    """Measures the CPU time of ten receptions each, with the store in this process: a scan takes some ten times as long."""
    store = Database(f"sqlite:///{tmp_path / 's'}")

    def cost() -> float:
        begun = time.thread_time()
        for _ in range(10):
            assert len(bodies(store, PLAIN)) == 10
        return time.thread_time() - begun

    send(store, *(["x"] * 200))
    short = min(cost() for _ in range(2))
    send(store, "x")
    with store.write() as connection:
        row = dict(connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).mappings().one())
        connection.execute(insert(table), [row | {"id": row["id"] + number} for number in range(1, 150_000)])
    assert min(cost() for _ in range(3)) < 3 * short
    store.close()


def test_what_was_received_too_often_goes_to_another_queue(database: Database) -> None:
    send(database, "x")
    how = Reception(most=1, hidden_ms=0, oldest_ms=0, most_receives=2, dead="dead")
    assert [bodies(database, how) for _ in range(3)] == [["x"], ["x"], []]
    assert bodies(database, PLAIN, "dead") == ["x"]


def test_of_a_group_nothing_comes_while_an_earlier_one_is_held(database: Database) -> None:
    send(database, "a1", "a2", group="a")
    send(database, "b1", group="b")
    one = Reception(most=1, hidden_ms=60_000, oldest_ms=0, fifo=True)
    (first,) = messages.receive(database, "q", one)
    assert first.body == "a1"
    assert bodies(database, FIFO) == ["b1"]
    messages.remove(database, "q", first.handle or "")
    assert bodies(database, FIFO) == ["a2"]


def test_what_has_the_same_token_is_sent_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = MessageDraft("x", {}, "me", group="g", token="t")
    (first,), (second,) = (messages.send(database, "q", [draft]) for _ in range(2))
    assert first == second
    later = messages.now_ms() + messages.TOKEN_MS + 1
    monkeypatch.setattr(messages, "now_ms", lambda: later)
    (third,) = messages.send(database, "q", [draft])
    assert third != first
    assert bodies(database, FIFO) == ["x", "x"]


def test_two_servers_that_get_the_same_message_send_it_once(request: pytest.FixtureRequest) -> None:
    """A client repeats a request while the server that got it first has not answered. SQLite has one writer at a time."""
    url = request.getfixturevalue("postgres").new_database()
    one, other = Database(url), Database(url)
    draft = MessageDraft("m", {}, "me", group="g", token="same")
    sent: list[messages.Sent] = []
    sending = threading.Thread(target=lambda: sent.extend(messages.send(other, "q", [draft])))
    with one.write() as connection:
        first = messages.send_in(connection, "q", draft)
        sending.start()
        deadline = time.monotonic() + 60
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.execute(waiting).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    sending.join()
    assert sent == [first]
    assert bodies(one, FIFO) == ["m"]
    one.close()
    other.close()
