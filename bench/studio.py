"""Studio's pages over 10,000 and 100,000 jobs in Chromium with a cold cache, and its server's time; beside MLflow's own page.

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
import studiostore
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rows import Row, against, spread
from server import Process, Sagewright, free_port, running, scratch
from tracking import PYTHON, READY

SECTION = "r"
CHROMIUM = "/usr/bin/chromium"
CALLS = 5
COUNTS = (10_000, 100_000)
PEER_JOBS = 10_000
FILL_S, WAIT_MS = 300, 120_000
PAINTED = """([selector, count]) => new Promise(done => {
  const look = () => document.querySelectorAll(selector).length >= count
    ? requestAnimationFrame(() => setTimeout(() => done(performance.now()))) : requestAnimationFrame(look);
  look();
})"""
ROWS = ".tbl tbody:not(.more) > tr"


@dataclass(frozen=True)
class View:
    """A page: its address, what has to be there, and its goal in milliseconds."""

    what: str
    address: str
    selector: str
    count: int
    goal_ms: float


def measure() -> list[Row]:
    rows: list[Row] = []
    with sync_playwright() as playwright, scratch() as directory:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for count in COUNTS:
            rows += _ours(browser, count, directory / str(count))
        rows += _beside(browser, rows, directory)
        browser.close()
    return rows


def _views(count: int) -> list[View]:
    last, name = studiostore.job_name(count - 1), f"{count:,} jobs"
    compared = "&".join(f"pick={studiostore.job_name(at)}" for at in range(count - studiostore.COMPARED, count))
    views = [
        View(f"{name}: the first 100", "/studio/jobs", ROWS, 100, 250),
        View(f"{name}: by a metric", "/studio/jobs?sort=-m.validation:auc", ROWS, 100, 250),
        View(f"{name}: two conditions, by a metric", "/studio/jobs?q=validation:auc>0.5,depth=3&sort=-m.train:auc", ROWS, 100, 250),
        View(f"{name}: Home", "/studio", "h1", 1, 250),
    ]  # fmt: skip
    if count == studiostore.LONG_IN:
        views += [
            View("20 curves of 100,000 values", f"/studio/jobs/{last}", "svg.chart", studiostore.CURVES, 500),
            View("200 runs compared", f"/studio/compare?{compared}", ".cmp thead th", studiostore.COMPARED, 1000),
        ]
    return views


def _ours(browser: Browser, count: int, folder: Path) -> list[Row]:
    studiostore.copy(count, folder)
    rows = []
    with running(Sagewright(folder)) as server:
        assert isinstance(server, Sagewright)
        with _signed_in(browser, server) as made:
            for view in _views(count):
                rows += _measured(made, server, view)
            if count == COUNTS[-1]:
                rows.append(_at_rest(made, server))
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
    if view.selector != ROWS or "?" in view.address:
        return [cold]
    return [cold, Row(SECTION, f"{view.what}, bytes, cold cache", packed[0], "kB", "the goal, not a peer", 200, "gzip")]


def _opened(page: Page, view: View) -> tuple[float, int]:
    """Returns the milliseconds from the request until the rows are painted, and the bytes of everything that was loaded."""
    page.set_default_timeout(WAIT_MS)
    page.goto(view.address, wait_until="commit")
    took = page.evaluate(PAINTED, [view.selector, view.count])
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


def _beside(browser: Browser, rows: list[Row], directory: Path) -> list[Row]:
    """Our rows again, beside MLflow's page with as many runs: its table of an experiment, which loads 100 runs."""
    own = [row for row in rows if row.what.startswith(f"{PEER_JOBS:,} jobs: the first")]
    try:
        with running(_mlflow(directory)) as server:
            context = browser.new_context(base_url=server.endpoint, viewport={"width": 1280, "height": 900})
            warm, times, sizes = (
                View(
                    "", f"/#/experiments/{_experiment(directory)}/runs", ".ag-center-cols-container [role=row]", 10, 0
                ),
                [],
                [],
            )
            context.close()
            for _ in range(CALLS):
                context = browser.new_context(base_url=server.endpoint, viewport={"width": 1280, "height": 900})
                took, size = _opened(context.new_page(), warm)
                times.append(took)
                sizes.append(size / 1000)
                context.close()
    except (peers.NoPeer, RuntimeError, OSError, subprocess.SubprocessError) as error:
        return [against(row, f"MLflow: {error}"[:120], None) for row in own]
    peer = f"MLflow, {PEER_JOBS:,} runs: its first rows"
    return [against(row, peer, statistics.median(sizes if row.unit == "kB" else times)) for row in own]  # fmt: skip


def _experiment(directory: Path) -> str:
    return (directory / "mlflow.experiment").read_text()


def _mlflow(directory: Path) -> Process:
    """MLflow's server on a store with as many runs. Raises NoPeer."""
    peers.made(READY)
    file, port = directory / "mlflow.db", free_port()
    program = str(peers.PROGRAMS / "mlflow_page_runs.py")
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", program, str(file), str(PEER_JOBS)],
        capture_output=True, text=True, check=True, timeout=FILL_S,
    )  # fmt: skip
    (directory / "mlflow.experiment").write_text(done.stdout.split()[-1])
    command = [str(PYTHON.parent / "mlflow"), "server", "--backend-store-uri", f"sqlite:///{file}", "--workers", "1",
               "--port", str(port)]  # fmt: skip
    environ = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Process(command, port, "/health", directory / "mlflow.log", environ=environ)
