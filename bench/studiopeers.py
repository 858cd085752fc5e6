"""Pages of other projects beside Studio's: MLflow's table of runs, Optuna Dashboard's list of trials, and Aim's table of runs.

Each has the same number of runs, with five metrics and five parameters, except Aim, which takes half a second to write a run. What
a peer's URL can't ask for (Optuna's and Aim's order and filters are set by hand) is not measured.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import peers
from server import CACHE, Process, free_port
from tracking import PYTHON, READY

OTHERS = CACHE / "clients" / "bench-studio"
FILL_S = 900
RUNS, AIM_RUNS, COMPARED = 10_000, 200, 200
FILTER = "metrics.`validation:auc` > 0.5 and params.depth = '3'"


@dataclass(frozen=True)
class PeerPage:
    """A page: what it is beside, its address, and what has to be there."""

    beside: str
    address: str
    selector: str
    count: int


@dataclass(frozen=True)
class StudioPeer:
    """`start`: fills the folder and returns the server, not yet started. Raises NoPeer."""

    name: str
    start: Callable[[Path], Process]
    pages: Callable[[Path], list[PeerPage]]


def _mlflow(folder: Path) -> Process:
    peers.made(READY)
    file, port = folder / "mlflow.db", free_port()
    _filled(PYTHON, "mlflow_page_runs.py", str(file), RUNS)
    command = [str(PYTHON.parent / "mlflow"), "server", "--backend-store-uri", f"sqlite:///{file}", "--workers", "1",
               "--port", str(port)]  # fmt: skip
    environ = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Process(command, port, "/health", folder / "mlflow.log", environ=environ)


def _mlflow_pages(folder: Path) -> list[PeerPage]:
    store = sqlite3.connect(folder / "mlflow.db")
    number = store.execute("SELECT experiment_id FROM experiments WHERE name = 'measured'").fetchone()[0]
    runs = [run for (run,) in store.execute("SELECT run_uuid FROM runs LIMIT ?", (COMPARED,))]
    store.close()
    table, rows = f"/#/experiments/{number}/runs", ".ag-center-cols-container [role=row]"
    order = f"orderByAsc=false&orderByKey={quote('metrics.`train:auc`')}"
    chosen = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps([str(number)]))}"
    return [
        PeerPage("first", table, rows, 100),
        PeerPage("metric", f"{table}?{order}", rows, 100),
        PeerPage("filter", f"{table}?{order}&searchFilter={quote(FILTER)}", rows, 100),
        PeerPage("compare", f"/#/compare-runs?{chosen}", "th", COMPARED),
    ]


def _optuna(folder: Path) -> Process:
    peers.made(OTHERS / ".ready")
    url, port = f"sqlite:///{folder / 'optuna.db'}", free_port()
    _filled(OTHERS / "bin" / "python", "optuna_page_trials.py", url, RUNS)
    command = [str(OTHERS / "bin" / "optuna-dashboard"), "--host", "127.0.0.1", "--port", str(port), url]
    return Process(command, port, "/api/meta", folder / "optuna.log")


def _optuna_pages(_folder: Path) -> list[PeerPage]:
    return [PeerPage("first", "/dashboard/studies/1/trials", ".MuiListItemButton-root", 20)]


def _aim(folder: Path) -> Process:
    peers.made(OTHERS / ".ready")
    repository, port = folder / "aim", free_port()
    repository.mkdir()
    _filled(OTHERS / "bin" / "python", "aim_page_runs.py", str(repository), AIM_RUNS)
    command = [str(OTHERS / "bin" / "aim"), "up", "--host", "127.0.0.1", "--port", str(port), "--repo", str(repository)]
    environ = {"AIM_UI_TELEMETRY_ENABLED": "0", "PATH": f"{OTHERS / 'bin'}:{os.environ['PATH']}"}
    return Process(command, port, "/runs", folder / "aim.log", environ=environ)


def _aim_pages(_folder: Path) -> list[PeerPage]:
    return [PeerPage("first", "/runs", ".RunNameColumn__runName", 10)]


def _filled(python: Path, program: str, place: str, count: int) -> None:
    command = [str(python), "-W", "ignore", str(peers.PROGRAMS / program), place, str(count)]
    subprocess.run(command, capture_output=True, check=True, timeout=FILL_S)


PEERS = (
    StudioPeer(f"MLflow, {RUNS:,} runs", _mlflow, _mlflow_pages),
    StudioPeer(f"Optuna Dashboard, {RUNS:,} trials, the first 10", _optuna, _optuna_pages),
    StudioPeer(f"Aim, {AIM_RUNS} runs, the first 10", _aim, _aim_pages),
)
