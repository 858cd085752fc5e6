from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sagewright.tuning.client import SearcherClient, SearchFailed
from tuning.studies import MIXED, PLANE, completed, mixed, study


@pytest.fixture
def minds() -> Iterator[SearcherClient]:
    made = SearcherClient()
    yield made
    made.close()


def searchers() -> list[psutil.Process]:
    """The searchers' processes that this one has started, the last one first; what other tests have left is passed over."""
    found = []
    for child in reversed(psutil.Process().children()):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one to psutil
            if " ".join(child.cmdline()).startswith("sagewright: searcher"):
                found.append(child)
    return found


def process() -> psutil.Process:
    return searchers()[0]


def test_it_suggests_points_of_the_space_and_learns(minds: SearcherClient) -> None:
    plan, trials = study(MIXED, most_parallel=3), []
    for _ in range(6):
        found = minds.suggest(plan, trials, 3)
        trials += [completed(len(trials) + place, one.values, mixed(one.values)) for place, one in enumerate(found, 1)]
    assert len(trials) == 18
    assert all(MIXED.places(trial.values) is not None for trial in trials)


def test_a_process_that_was_killed_is_started_again(minds: SearcherClient) -> None:
    first = minds.suggest(study(), [], 2)
    process().kill()
    assert minds.suggest(study(), [], 2) == first


def test_what_is_cheap_needs_no_process(minds: SearcherClient) -> None:
    before = len(searchers())
    assert len(minds.suggest(study(MIXED, "Random"), [], 5)) == 5
    assert minds.stops(study(early_stopping=True), [completed(1, {}, 1.0)]) == []
    assert len(searchers()) == before


def test_one_that_takes_too_long_fails_and_leaves_no_process() -> None:
    minds = SearcherClient(timeout_s=0.05)
    started = time.monotonic()
    with pytest.raises(SearchFailed, match=r"no suggestion within 0\.05 s"):
        minds.suggest(study(), [], 1)
    assert time.monotonic() - started < 5
    assert not searchers()


def test_a_stopped_process_is_ended_too() -> None:
    minds = SearcherClient(timeout_s=20)
    minds.suggest(study(), [], 1)
    stuck = process()
    stuck.send_signal(signal.SIGSTOP)
    minds._timeout_s = 0.2
    with pytest.raises(SearchFailed):
        minds.suggest(study(), [], 1)
    assert not psutil.pid_exists(stuck.pid)
    minds.close()


def test_closing_waits_for_no_answer() -> None:
    minds = SearcherClient(timeout_s=60)
    minds.suggest(study(), [], 1)
    process().send_signal(signal.SIGSTOP)
    listed: list[str] = []

    def ask() -> None:
        with pytest.raises(SearchFailed) as error:
            minds.suggest(study(), [], 1)
        listed.append(str(error.value))

    waiting = threading.Thread(target=ask)
    waiting.start()
    time.sleep(0.2)
    began = time.monotonic()
    minds.close()
    waiting.join(timeout=60)
    assert time.monotonic() - began < 10
    assert listed == ["the searchers were closed"]


def test_a_process_that_dies_twice_is_told(monkeypatch: pytest.MonkeyPatch, minds: SearcherClient) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SearchFailed, match="died twice"):
        minds.suggest(study(), [], 1)


def test_a_study_that_cannot_be_searched_is_told_and_others_go_on(minds: SearcherClient) -> None:
    with pytest.raises(SearchFailed, match="no such strategy: Sorcery"):
        minds.suggest(study(strategy="Sorcery"), [], 1)
    with pytest.raises(SearchFailed, match="x is not categorical"):
        minds.suggest(study(PLANE, "Grid"), [], 1)
    assert len(minds.suggest(study(), [], 1)) == 1


def test_it_ends_when_idle_and_is_there_again_when_asked() -> None:
    minds = SearcherClient(idle_s=0.1)
    first = minds.suggest(study(), [], 1)
    idle = process()
    idle.wait(timeout=20)
    assert minds.suggest(study(), [], 1) == first
    minds.close()


def test_many_threads_may_ask(minds: SearcherClient) -> None:
    found: dict[int, object] = {}

    def ask(seed: int) -> None:
        found[seed] = minds.suggest(study(seed=seed), [], 1)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[seed] == minds.suggest(study(seed=seed), [], 1) for seed in range(8))


def test_the_engines_half_loads_no_numerics(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, sagewright.tuning.client, sagewright.tuning.loop\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy')))\n"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, str(script)]) == 0
