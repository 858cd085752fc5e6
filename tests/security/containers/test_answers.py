"""Hostile answers: each reader of containers ends each of them in time, as what it is, and at little cost to anybody else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop
from tests.security.containers.answers import ANSWERED, ATTEMPTS, AWAY, BROKEN, LATE, LONG, Attempt
from tests.security.containers.hostile import GOOD
from tests.security.containers.readers import READERS, Reader

from sagewright.agent.control import Control
from sagewright.agent.transform.serving import PING_S, HealthWatch
from sagewright.model.jobs.brief import HealthCheck as Asked

LATENESS_S = 6.0
"""After the deadline, on a machine that does other things as well."""
MOST_GROWTH = 300 << 20
"""Bytes, for all attempts at once: answers of 32 MiB are allowed."""
MOST_CPU_S = 12.0
"""For all attempts at once."""
FEWEST_ASKED = 4
PROMPT_S = 3.0
"""For each answer to the bystander."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("containers")
    command = [sys.executable, "-m", "tests.security.containers.hostile", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield root
        finally:
            process.kill()


class Watch:
    """The process's memory at its highest, and its processor time."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before, self.most = self._process.memory_info().rss, 0
        self._cpu = time.process_time()

    async def look(self) -> None:
        while True:
            self.most = max(self.most, self._process.memory_info().rss - self._before)
            await asyncio.sleep(0.02)

    @property
    def cpu_s(self) -> float:
        return time.process_time() - self._cpu


async def timed(reader: Reader, place: Path) -> tuple[str, float]:
    begin = time.monotonic()
    async with asyncio.timeout(60):
        end = await reader.ask(place)
    return end, time.monotonic() - begin


async def stand_by(reader: Reader, place: Path, besieged: asyncio.Event) -> list[float]:
    """Asks again and again until the siege is over, and a few times at least: a busy machine may leave it little of that time."""
    times: list[float] = []
    while besieged.is_set() or len(times) < FEWEST_ASKED:
        end, took_s = await timed(reader, place)
        assert end == ANSWERED, end
        times.append(took_s)
        await asyncio.sleep(0.02)
    return times


async def besiege(reader: Reader, site: Path) -> tuple[dict[str, tuple[str, float]], list[float], Watch]:
    await timed(reader, site / GOOD)
    watch = Watch()
    looking = asyncio.create_task(watch.look())
    besieged = asyncio.Event()
    besieged.set()
    bystander = asyncio.create_task(stand_by(reader, site / GOOD, besieged))
    tasks = {one.name: asyncio.create_task(timed(reader, site / str(n))) for n, one in enumerate(ATTEMPTS)}
    found = dict(zip(tasks, await asyncio.gather(*tasks.values()), strict=True))
    besieged.clear()
    times = await bystander
    looking.cancel()
    return found, times, watch


@pytest.mark.parametrize("make", READERS, ids=lambda one: one.__name__)
def test_hostile_answers(make: Any, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        reader = make(site, tmp_path, monkeypatch)
        try:
            found, times, watch = await besiege(reader, site)
        finally:
            await reader.close()
            await asyncio.sleep(0.1)  # what was aborted is closed by then
        wrong = {one.name: found[one.name][0] for one in ATTEMPTS if found[one.name][0] not in reader.allowed(one)}
        assert not wrong, wrong
        late = {name: took_s for name, (_, took_s) in found.items() if took_s > reader.deadline_s + LATENESS_S}
        assert not late, late
        worst = max(took_s for _, took_s in found.values())
        figures = f"{watch.most >> 20} MiB, {watch.cpu_s:.2f} s CPU, bystander {max(times):.3f} s, last {worst:.2f} s"
        sys.stdout.write(f"{make.__name__}: {figures}\n")
        assert watch.most < MOST_GROWTH
        assert watch.cpu_s < MOST_CPU_S
        assert max(times) < PROMPT_S

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the front's; agents' readers have asyncio's
        runner.run(run())


@pytest.mark.parametrize(
    "name", ["100 now and then", "100 without end", "a head byte by byte", "status '000'", "never_reads"]
)
def test_a_server_that_is_never_well_fails_in_time(name: str, site: Path) -> None:
    """Its endpoint is Creating no longer than ContainerStartupHealthCheckTimeoutInSeconds and a ping."""
    number = next(number for number, one in enumerate(ATTEMPTS) if one.name == name)
    control = Control()
    health = HealthWatch(site / str(number), Asked(start_s=1.0), control, lambda: None)
    started: Any = None
    begin = time.monotonic()
    with health.watching(started):
        while control.failure is None and time.monotonic() - begin < 30:
            time.sleep(0.05)
    assert "ping was not answered with 200 within 1 s" in str(control.failure)
    assert time.monotonic() - begin < 1 + PING_S + LATENESS_S


def test_the_table_is_large_and_names_each_attempt_once() -> None:
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS) >= 100
    for one in ATTEMPTS:
        assert set(one.ends) <= {LATE, LONG, BROKEN, AWAY, ANSWERED}
        assert isinstance(one, Attempt)
