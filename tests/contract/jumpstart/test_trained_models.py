"""Tables and pictures: models of the catalogue that a job trains, by a real server."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import Hosting
from tests.jumpstart import JumpStartModels
from tests.pictures import striped

from sagewright.jumpstart.entries import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

TABULAR = [entry.id for entry in entries().values() if entry.scripts == "tabular"]
FEW = {"num_boost_round": 60, "iterations": 60}
CSV, VERBOSE = "text/csv", "application/json;verbose"


@pytest.fixture(scope="module")
def models(server: RunningServer) -> Iterator[JumpStartModels]:
    with Hosting(server) as hosting:
        yield JumpStartModels(server, hosting)


def rows(count: int, classifies: bool) -> bytes:
    """A target that two numbers and a category decide; some numbers are missing."""
    draw, text = random.Random(1), io.StringIO()
    for number in range(count):
        first, second, colour = draw.random(), draw.random(), draw.choice(["red", "green", "blue"])
        value = 3 * first - second + {"red": 1, "green": 0, "blue": -1}[colour]
        target = (0 if value < 0.5 else 1 if value < 1.5 else 2) if classifies else round(value, 4)
        csv.writer(text).writerow([target, round(first, 4), "" if number % 9 == 0 else round(second, 4), colour])
    return text.getvalue().encode()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("model", TABULAR)
def test_a_table_is_learnt_and_served(models: JumpStartModels, model: str) -> None:
    entry = entries()[model]
    assert entry.training is not None
    classifies = entry.task == "classification"
    data = {"train/data.csv": rows(600, classifies), "categorical_index.json": b'{"cat_index_list": [3]}'}
    known = {each.name for each in entry.training.hyperparameters}
    given = {name: value for name, value in FEW.items() if name in known}
    name = f"table-{model}".replace("sagewright-", "")
    job = models.train(name, model, data, **given)
    assert job["TrainingJobStatus"] == "Completed", (job, models.server.lines(name)[-20:])
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    models.host(name, model, job["ModelArtifacts"]["S3ModelArtifacts"])
    asked = "0.95,0.05,red\n0.05,0.95,blue\n"
    if classifies:
        assert metrics["validation:accuracy"] > 0.8
        found = models.ask(name, asked, CSV, VERBOSE)
        assert (found["labels"], found["predicted_label"]) == ([0, 1, 2], [2, 0])
        assert set(models.ask(name, asked, CSV)) == {"probabilities"}
    else:
        assert metrics["validation:rmse"] < 0.4
        high, low = models.ask(name, asked, CSV)["prediction"]
        assert (high > 3, low < -1) == (True, True)
    with pytest.raises(ClientError) as caught:
        models.ask(name, "1,2\n", CSV)
    assert "3 columns of features, not 2" in caught.value.response["OriginalMessage"]


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"train/data.csv": b"a,1,2\n1,1,2\n"}, "row 1: the target is an integer from 0 to 999, not 'a'"),
        ({"train/data.csv": b"0,1,x\n1,1,2\n"}, "row 1, feature 2: a number is expected, not 'x'"),
        ({"train/data.csv": b"0,1\n2,1\n"}, "the targets are 0, 1 and so on, each at least once, not 0, 2"),
        ({"data.txt": b"0,1\n"}, "it has no CSV file"),
        (
            {"data.csv": b"0,1\n1,2\n", "categorical_index.json": b'{"cat_index_list": [7]}'},
            "indices from 1 to 1, not 7",
        ),
    ],
)
def test_a_bad_table_is_named(models: JumpStartModels, data: dict[str, bytes], reason: str) -> None:
    name = f"bad-table-{sum(map(ord, reason))}"
    job = models.train(name, "sagewright-classification-sklearn", data)
    assert (job["TrainingJobStatus"], reason in job["FailureReason"]) == ("Failed", True), job["FailureReason"]


@pytest.mark.soak
@pytest.mark.parametrize(
    "hyperparameters", [{"train_only_top_layer": "True", "epochs": 5}, {"epochs": 2, "batch_size": 16}]
)
def test_pictures_are_learnt_from_folders(models: JumpStartModels, hyperparameters: dict[str, Any]) -> None:
    model = "sagewright-ic-efficientnet-lite0"
    data = {f"{kind}/{seed}.png": striped(kind, seed) for kind in ("rings", "stripes") for seed in range(16)}
    name = f"pictures-{hyperparameters['epochs']}"
    job = models.train(name, model, data, **hyperparameters)
    assert job["TrainingJobStatus"] == "Completed", models.server.lines(name)[-20:]
    models.host(name, model, job["ModelArtifacts"]["S3ModelArtifacts"])
    for kind in ("rings", "stripes"):
        found = models.ask(name, striped(kind, 99), "application/x-image", VERBOSE)
        assert (found["labels"], found["predicted_label"]) == (["rings", "stripes"], kind)


@pytest.mark.soak
def test_a_file_that_is_no_picture_is_named(models: JumpStartModels) -> None:
    data = {"a/one.png": striped("rings", 1), "b/notes.txt": b"hello"}
    job = models.train("pictures-bad", "sagewright-ic-efficientnet-lite0", data, train_only_top_layer="True")
    assert job["TrainingJobStatus"] == "Failed"
    assert "b/notes.txt is not a picture" in job["FailureReason"]


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_sdk_v2_hosts_and_trains_by_id(server: RunningServer) -> None:
    done = server.sdk_v2(Path(__file__).parents[1] / "programs" / "jumpstart_models_v2.py")
    assert done.returncode == 0, done.stdout + done.stderr
    objects = ("object: cat 80", "two objects: ['classes', 'normalized_boxes', 'scores'] 2")
    for line in ("picture: analog clock 1000", *objects, "job: Completed", "number: True"):
        assert line in done.stdout, done.stdout


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_sdk_v2_fine_tunes_entities(server: RunningServer) -> None:
    done = server.sdk_v2(Path(__file__).parents[1] / "programs" / "jumpstart_entities_v2.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "job: Completed ['train:loss', 'validation:f1', 'validation:loss']" in done.stdout, done.stdout
    assert "entities: [('myosin', 'PROTEIN'), ('pepsin', 'PROTEIN')]" in done.stdout, done.stdout
