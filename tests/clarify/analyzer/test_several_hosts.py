"""Two hosts that share texts, pictures and time series give what one gives. The hosts are threads, and meet by the network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sagewright.clarify.analyzer import model as models
from sagewright.clarify.analyzer import pictures as pictures_analyzer
from sagewright.clarify.analyzer import series as series_analyzer
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.pictures import analyse_pictures
from sagewright.clarify.analyzer.series import analyse_series
from sagewright.clarify.analyzer.texts import explain_texts
from sagewright.clarify.configuration import analysis as configuration
from sagewright.clarify.data.dataset import Dataset
from sagewright.clarify.report.attributions import picture_blocks

HOSTS = ("127.0.0.1", "localhost")
Run = Callable[[ClarifyJob], Any]


def run(tmp_path: Path, document: dict[str, Any], hosts: tuple[str, ...], work: Run) -> tuple[list[Any], list[Path]]:
    """Returns what each host's work returns, and the outputs of the hosts."""
    config = tmp_path / "analysis_config.json"
    config.write_text(json.dumps(document))
    jobs = [
        ClarifyJob(tmp_path, "arn", f"job {tmp_path}", config, tmp_path / "data", tmp_path / f"out-{len(hosts)}-{host}", "s3://b/o",
                   host, hosts)
        for host in hosts
    ]  # fmt: skip
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(work, jobs)), [job.output for job in jobs]


def lines(outputs: list[Path], path: str) -> list[Any]:
    """The lines of one file, or of its parts in the order of their names."""
    files = [file for output in outputs for file in sorted((output / path).glob("part-*"))] or [outputs[0] / path]
    assert [file.name for file in files] == sorted(file.name for file in files)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_texts(tmp_path: Path) -> None:
    reviews = ["good so bad", "bad bad", "so good", "", "good good bad so"]
    table = pd.DataFrame({"review": reviews, "stars": [1.0, 2.0, 3.0, 4.0, 5.0]})
    shap = {
        "text_config": {"granularity": "token", "language": "english"},
        "save_local_shap_values": True,
        "agg_method": "mean_abs",
    }
    document = {
        "dataset_type": "text/csv", "headers": list(table.columns), "predictor": {"endpoint_name": "e"}, "methods": {"shap": shap},
    }  # fmt: skip

    def scores(rows: pd.DataFrame) -> np.ndarray:
        words = rows["review"].str.split()
        good = np.array([sum(word == "good" for word in one) for one in words], float)
        bad = np.array([sum(word == "bad" for word in one) for one in words], float)
        return (good - bad * rows["stars"].to_numpy() / 3 + good * bad)[:, None]

    model: Any = SimpleNamespace(scores=scores, predictor=SimpleNamespace(label_headers=()))

    def work(job: ClarifyJob) -> Any:
        return explain_texts(job, configuration.load(job.config), Dataset(table, ("review", "stars"), "", ""), model)

    (one,), whole = run(tmp_path, document, HOSTS[:1], work)
    (two, other), parts = run(tmp_path, document, HOSTS, work)
    assert one == two
    assert other[0] == {}
    assert lines(whole, "explanations_shap/out.jsonl") == lines(parts, "explanations_shap/out.jsonl")


class Client:
    """An endpoint whose model is a function of the bodies."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.invoke = answer


@pytest.fixture
def one_endpoint(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Endpoints that are started."""
    started: list[str] = []

    def serve(self: models.AnalysedModel) -> str:
        if not self._serving:
            started.append("e")
        self._serving, self.endpoint_name = True, "e"
        return "e"

    monkeypatch.setattr(models.AnalysedModel, "serve", serve)
    monkeypatch.setattr(models, "EndpointModel", lambda *_arguments: SimpleNamespace(requests=0))
    return started


def test_series(tmp_path: Path, one_endpoint: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        {"id": f"i{number}", "steps": [{"t": step, "y": number * step} for step in range(3)]} for number in range(5)
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_text(json.dumps(items))
    document = {
        "dataset_type": "application/json",
        "time_series_data_config": {
            "target_time_series": "[*].steps[].y", "item_id": "[*].id", "timestamp": "[*].steps[].t",
            "dataset_format": "item_records",
        },
        "predictor": {
            "model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1, "content_template": "$records",
            "record_template": "$target_time_series", "time_series_predictor_config": {"forecast": "[*]"},
        },
        "methods": {"asymmetric_shapley_value": {"direction": "chronological", "granularity": "timewise",
                                                 "baseline": {"target_time_series": "zero"}}},
    }  # fmt: skip

    def answer(body: bytes) -> bytes:
        return json.dumps([[sum(one), one[0] * one[-1]] for one in json.loads(body)]).encode()

    monkeypatch.setattr(series_analyzer, "EndpointClient", lambda *_arguments: Client(answer))

    def work(job: ClarifyJob) -> Any:
        return analyse_series(job, configuration.load(job.config))

    (one,), whole = run(tmp_path, document, HOSTS[:1], work)
    assert one_endpoint == ["e"]
    (two, other), parts = run(tmp_path, document, HOSTS, work)
    assert (one, other, one_endpoint) == (two, {}, ["e", "e"])
    path = "asymmetric_shapley_value/timewise_chronological/out.jsonl"
    found = lines(parts, path)
    assert [line["item_id"] for line in found] == [item["id"] for item in items]
    assert found == lines(whole, path)


def test_pictures(tmp_path: Path, one_endpoint: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for number in range(3):
        cells = np.random.default_rng(number).integers(0, 255, (16, 24, 3)).astype(np.uint8)
        Image.fromarray(cells).save(tmp_path / "data" / f"p{number}.png")
    document = {
        "dataset_type": "application/x-image",
        "predictor": {
            "model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1, "content_type": "application/x-npy",
            "accept_type": "application/json", "label_headers": ["a", "b"],
        },
        "methods": {"shap": {"image_config": {"model_type": "IMAGE_CLASSIFICATION", "num_segments": 3}, "seed": 1}},
    }  # fmt: skip

    def answer(body: bytes) -> bytes:
        cells = np.load(io.BytesIO(body)).astype(float)
        return json.dumps([[one[:8].mean(), one[:, 8:].mean()] for one in cells]).encode()

    monkeypatch.setattr(pictures_analyzer, "EndpointClient", lambda *_arguments: Client(answer))

    def work(job: ClarifyJob) -> Any:
        return analyse_pictures(job, configuration.load(job.config))

    ((one, local),), whole = run(tmp_path, document, HOSTS[:1], work)
    ((two, both), (_, nothing)), parts = run(tmp_path, document, HOSTS, work)
    assert (one, nothing, one_endpoint) == (two, None, ["e", "e"])
    assert lines(parts, "explanations_shap/out.jsonl") == lines(whole, "explanations_shap/out.jsonl")
    drawn = [{file.name: file.read_bytes() for file in output.glob("*.jpeg")} for output in (*parts, whole[0])]
    assert drawn[0] | drawn[1] == drawn[2]
    assert not set(drawn[0]) & set(drawn[1])
    assert list(picture_blocks(both.pictures)) == list(picture_blocks(local.pictures))
