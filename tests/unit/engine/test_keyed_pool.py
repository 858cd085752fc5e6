"""Threads that work on subjects: many at a time, never two on the same one, and no wake is lost."""

from __future__ import annotations

import random
import threading
from collections import Counter

from sagewright.engine.keyed_pool import KeyedPool

WAIT_S = 20


class Work:
    """Notes who works on what; `hold(key)` keeps a key's step until it is let go."""

    def __init__(self, threads: int = 4) -> None:
        self.changed = threading.Condition()
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.held: set[str] = set()
        self.overlaps: list[str] = []
        self.fails: set[str] = set()
        self.pool: KeyedPool[str] = KeyedPool("test", threads, self._step)

    def _step(self, key: str) -> None:
        with self.changed:
            if self.begun[key] > self.ended[key]:
                self.overlaps.append(key)
            self.begun[key] += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: key not in self.held, WAIT_S)
            self.ended[key] += 1
            self.changed.notify_all()
        if key in self.fails:
            raise RuntimeError(key)

    def hold(self, *keys: str) -> None:
        self.held |= set(keys)

    def let_go(self, *keys: str) -> None:
        with self.changed:
            self.held -= set(keys)
            self.changed.notify_all()

    def until(self, counts: Counter[str], key: str, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: counts[key] >= number, WAIT_S), (key, counts)


def test_a_key_that_waits_is_worked_on_once_however_often_it_was_put() -> None:
    work = Work(threads=1)
    work.hold("first")
    work.pool.put("first")
    work.until(work.begun, "first", 1)
    for _ in range(5):
        work.pool.put("other")
    work.let_go("first")
    work.until(work.ended, "other", 1)
    work.pool.close(WAIT_S)
    assert work.begun == {"first": 1, "other": 1}


def test_what_happens_during_a_step_leads_to_one_more() -> None:
    work = Work()
    work.hold("a")
    work.pool.put("a")
    work.until(work.begun, "a", 1)
    for _ in range(3):
        work.pool.put("a")
    work.let_go("a")
    work.until(work.ended, "a", 2)
    work.pool.close(WAIT_S)
    assert work.begun["a"] == 2
    assert work.overlaps == []


def test_a_step_that_waits_holds_up_no_other_key() -> None:
    work = Work()
    work.hold("slow", "slower")
    for key in ("slow", "slower", "quick"):
        work.pool.put(key)
    work.until(work.ended, "quick", 1)
    assert work.ended["slow"] == work.ended["slower"] == 0
    work.let_go("slow", "slower")
    work.pool.close(WAIT_S)
    assert work.ended == {"slow": 1, "slower": 1, "quick": 1}


def test_threads_are_roused_one_after_the_other_and_all_work() -> None:
    """Many keys at once, when all threads rest: the first rouses the second, and so on."""
    work = Work(threads=4)
    for number in range(4):
        work.hold(f"begin-{number}")
        work.pool.put(f"begin-{number}")
    for number in range(4):
        work.until(work.begun, f"begin-{number}", 1)
        work.let_go(f"begin-{number}")
        work.until(work.ended, f"begin-{number}", 1)
    for _ in range(50):
        keys = [f"k{number}" for number in range(4)]
        before = work.begun["k0"]
        work.hold(*keys)
        for key in keys:
            work.pool.put(key)
        for key in keys:
            work.until(work.begun, key, before + 1)
        work.let_go(*keys)
        for key in keys:
            work.until(work.ended, key, before + 1)
    work.pool.close(WAIT_S)


def test_a_step_that_fails_is_logged_and_its_thread_goes_on() -> None:
    work = Work(threads=1)
    work.fails = {"broken"}
    work.pool.put("broken")
    work.pool.put("whole")
    work.until(work.ended, "whole", 1)
    work.pool.put("broken")
    work.until(work.ended, "broken", 2)
    work.pool.close(WAIT_S)


def test_after_close_nothing_begins() -> None:
    work = Work(threads=1)
    work.hold("a")
    work.pool.put("a")
    work.until(work.begun, "a", 1)
    work.pool.put("a")
    work.pool.put("b")
    closing = threading.Thread(target=work.pool.close, args=(WAIT_S,))
    closing.start()
    work.pool.put("c")
    work.let_go("a")
    closing.join(WAIT_S)
    assert not closing.is_alive()
    assert work.begun == {"a": 1}


def test_every_wake_is_followed_by_a_step() -> None:
    """From many threads: after the last wake of a key there is a step that began after it."""
    keys, described = [f"k{number}" for number in range(5)], dict.fromkeys((f"k{n}" for n in range(5)), 0)
    seen: dict[str, int] = {}
    done = threading.Event()

    def step(key: str) -> None:
        seen[key] = described[key]
        if all(seen.get(one) == 200 for one in keys):
            done.set()

    pool: KeyedPool[str] = KeyedPool("test", 3, step)

    def tell(key: str) -> None:
        for number in range(1, 201):
            described[key] = number
            pool.put(key)
            if random.random() < 0.1:
                threading.Event().wait(0.0005)

    threads = [threading.Thread(target=tell, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert done.wait(WAIT_S), seen
    pool.close(WAIT_S)
