"""Studio's pages over 10,000 and 100,000 jobs in Chromium with a cold cache, and its server's time; beside pages of MLflow, Optuna
Dashboard and Aim (studiopeers.py).

Each page is opened in a new context, so nothing is cached; time runs from the request to the frame after the rows are there.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import peers
import studiopeers
import studiostore
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from rows import Row, against, spread
from server import Process, Sagewright, running, scratch
from studiopeers import PeerPage

SECTION = "s"
CHROMIUM = "/usr/bin/chromium"
CALLS = 5
COUNTS = (10_000, 100_000)
PEER_CALLS = 3
WAIT_MS = 120_000
PAINTED = """([selector, count, most]) => new Promise((done, failed) => {
  const look = () => document.querySelectorAll(selector).length >= count
    ? requestAnimationFrame(() => setTimeout(() => done(performance.now())))
    : performance.now() > most ? failed(new Error(`${document.querySelectorAll(selector).length} of ${count} ${selector}`))
    : requestAnimationFrame(look);
  look();
})"""
FILTER = "validation:auc>0.5,depth=3"
ROWS = ".tbl tbody:not(.more) > tr"


@dataclass(frozen=True)
class View:
    """A page: the pages of peers that it is measured beside, its address, what has to be there, and its goal in milliseconds."""

    beside: str
    what: str
    address: str
    selector: str
    count: int
    goal_ms: float


def measure() -> list[Row]:
    rows: list[Row] = []
    beside: dict[str, list[Row]] = {}
    with sync_playwright() as playwright, scratch() as directory:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for count in COUNTS:
            own = _ours(browser, count, directory / str(count))
            beside = beside or own  # with as many runs as the peers
            rows += [row for some in own.values() for row in some]
        rows += _beside(browser, beside, directory)
        browser.close()
    return rows


def _views(count: int) -> list[View]:
    last, name = studiostore.job_name(count - 1), f"{count:,} jobs"
    compared = "&".join(f"pick={studiostore.job_name(at)}" for at in range(count - studiostore.COMPARED, count))
    views = [
        View("first", f"{name}: the first 100", "/studio/jobs", ROWS, 100, 250),
        View("metric", f"{name}: by a metric", "/studio/jobs?sort=-m.validation:auc", ROWS, 100, 250),
        View("filter", f"{name}: two conditions, by a metric", f"/studio/jobs?q={FILTER}&sort=-m.train:auc", ROWS, 100, 250),
        View("middle", f"{name}: 100 in the middle", f"/studio/jobs?start={count // 2}", ROWS, 100, 250),
        View("home", f"{name}: Home", "/studio", "h1", 1, 250),
    ]  # fmt: skip
    if count == studiostore.LONG_IN:
        views += [
            View("curves", "20 curves of 100,000 values", f"/studio/jobs/{last}", "svg.chart", studiostore.CURVES, 500),
            View(
                "compare",
                "200 runs compared",
                f"/studio/compare?{compared}",
                ROWS,
                studiostore.COMPARED,
                1000,
            ),
        ]
    return views


def _ours(browser: Browser, count: int, folder: Path) -> dict[str, list[Row]]:
    studiostore.copy(count, folder)
    rows: dict[str, list[Row]] = {}
    with running(Sagewright(folder)) as server:
        assert isinstance(server, Sagewright)
        with _signed_in(browser, server) as made:
            for view in _views(count):
                rows[view.beside] = _measured(made, server, view)
            if count == COUNTS[-1]:
                rows["rest"] = [_at_rest(made, server)]
    return rows


@contextmanager
def _signed_in(browser: Browser, server: Sagewright) -> Iterator[Callable[[], BrowserContext]]:
    """Yields what makes a new context that is signed in."""
    key, secret = server.key()
    first = browser.new_context(base_url=server.endpoint)
    page = first.new_page()
    page.goto("/studio")
    page.locator("[name=key]").fill(key)
    page.locator("[name=secret]").fill(secret)
    page.locator("[name=secret]").press("Enter")
    page.wait_for_selector("#nav")
    state = first.storage_state()
    first.close()
    yield lambda: browser.new_context(
        base_url=server.endpoint, storage_state=state, viewport={"width": 1280, "height": 900}
    )


def _measured(made: Callable[[], BrowserContext], server: Process, view: View) -> list[Row]:
    times, packed, busy = [], [], []
    for _ in range(CALLS):
        context, before = made(), server.cpu_s()
        took, size = _opened(context.new_page(), view)
        busy.append(1000 * (server.cpu_s() - before))
        context.close()
        times.append(took)
        packed.append(size / 1000)
    detail = f"first {times[0]:.0f}; {spread(times, 'ms')}; server's CPU {min(busy):.0f} ms"
    cold = Row(
        SECTION, f"{view.what}, painted, cold cache", statistics.median(times), "ms", "the goal, not a peer", view.goal_ms,
        "the browser", detail,
    )  # fmt: skip
    if view.beside != "first":
        return [cold]
    return [cold, Row(SECTION, f"{view.what}, bytes, cold cache", packed[0], "kB", "the goal, not a peer", 200, "gzip")]


def _opened(page: Page, view: View) -> tuple[float, int]:
    """Returns the milliseconds from the request until the rows are painted, and the bytes of everything that was loaded."""
    page.set_default_timeout(WAIT_MS)
    page.goto(view.address, wait_until="commit")
    took = page.evaluate(PAINTED, [view.selector, view.count, WAIT_MS])
    size = page.evaluate("performance.getEntries().reduce((sum, one) => sum + (one.transferSize || 0), 0)")
    return float(took), int(size)


def _at_rest(made: Callable[[], BrowserContext], server: Process) -> Row:
    """The server's share of a core for a page that is open while nothing happens, above its own without one."""
    alone = _share(server)
    context = made()
    context.new_page().goto("/studio/jobs")
    time.sleep(3)
    watched = _share(server)
    context.close()
    return Row(SECTION, "an open page while nothing happens: the server's CPU", max(watched - alone, 0.01), "%",
               "the goal, not a peer", 1.0, "the event log, once a second", f"without it {alone:.2f} %")  # fmt: skip


def _share(server: Process) -> float:
    begin, before = time.monotonic(), server.cpu_s()
    time.sleep(15)
    return 100 * (server.cpu_s() - before) / (time.monotonic() - begin)


def _beside(browser: Browser, rows: dict[str, list[Row]], directory: Path) -> list[Row]:
    """Our rows again, beside the pages of each peer."""
    found = []
    for peer in studiopeers.PEERS:
        try:
            with running(peer.start(directory)) as server:
                for page in peer.pages(directory):
                    found += _page_beside(browser, server, peer.name, page, rows[page.beside])
        except (peers.NoPeer, PlaywrightError, RuntimeError, OSError, subprocess.SubprocessError) as error:
            found += [against(row, f"{peer.name}: {' '.join(str(error).split())}"[:120], None) for row in rows["first"]]
    return found


def _page_beside(browser: Browser, server: Process, name: str, page: PeerPage, rows: list[Row]) -> list[Row]:
    times, sizes = [], []
    for _ in range(PEER_CALLS):
        context = browser.new_context(base_url=server.endpoint, viewport={"width": 1280, "height": 900})
        took, size = _opened(context.new_page(), View(page.beside, "", page.address, page.selector, page.count, 0))
        times.append(took)
        sizes.append(size / 1000)
        context.close()
    return [against(row, name, statistics.median(sizes if row.unit == "kB" else times)) for row in rows]
