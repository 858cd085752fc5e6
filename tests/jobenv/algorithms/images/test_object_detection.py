"""Object detection: what it learns, reads, writes and answers."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn import BASE, HEIGHT, NAMES, WIDTH, annotation, numbers, put_scenes, scene
from safetensors.torch import load_file
from torchvision.models import resnet

from pictures import encoded, image_record
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.object_detection import artefact, declaration, model
from sagewright.algorithms.object_detection.scores import Precision

REPOSITORY = "object-detection"
RECORDS = "application/x-recordio"
FILES = ["hyperparams.json", "model_algo_1-0000.params", "model_algo_1-symbol.json"]


def logged(job: Any, name: str) -> list[float]:
    """As the platform reads them: by the metric's own regex."""
    regex = next(each.regex for each in declaration.DECLARATION.metrics if each.name == name)
    return [float(each) for each in re.findall(regex, job.output)]


def succeeded(run: Any, job: Any) -> Any:
    assert run(job, REPOSITORY) == 0, job.output
    return job


def failure(run: Any, job: Any) -> str:
    assert run(job, REPOSITORY) == 2, job.output
    said: str = job.failure
    return said


def weights(job: Any) -> bytes:
    found: bytes = (job.model / artefact.WEIGHTS).read_bytes()
    return found


@pytest.mark.sampled(1, of="trainings of object detection")
def test_it_learns_where_things_are_and_what(job: Any, run: Any) -> None:
    succeeded(run, put_scenes(job, 24, 6, epochs="12", _width="8"))
    scores = logged(job, "validation:mAP")
    assert len(logged(job, "train:smooth_l1")) == len(logged(job, "train:cross_entropy")) == 12
    assert len(scores) in {12, 13}
    assert scores[-1] == max(scores)  # measured again if the last epoch's is another
    assert logged(job, "train:progress")[-1] == 100
    assert len(logged(job, "train:throughput")) == 12
    assert max(scores) > 0.25
    assert sorted(path.name for path in job.model.iterdir()) == FILES
    serving, precision = model.serve(job.model), Precision(0.5)
    for seed in range(100, 106):
        picture, things = scene(seed)
        answer = serving(encoded(picture), "image/png", "application/json")
        assert answer.content_type == "application/json"
        said = json.loads(answer.body)["prediction"]
        assert 0 < len(said) <= 200
        boxes = [[*numbers([thing])[2:], 0] for thing in things]
        precision.add(np.array(said), np.array(boxes))
    assert precision.mean() == pytest.approx(max(scores), abs=1e-3)


@pytest.mark.sampled(1, of="trainings of object detection")
@pytest.mark.parametrize(
    ("changes", "said"), [({}, "adam, learning_rate 0.001, mini_batch_size 4"), ({"momentum": "0.8"}, "")]
)
def test_few_images_teach_it_with_default_settings(job: Any, run: Any, changes: dict[str, str], said: str) -> None:
    """AWS's are for pretrained weights; a job that sets one of them has them all."""
    put_scenes(job, 24, 6)
    given = {name: BASE[name] for name in ("num_classes", "num_training_samples", "base_network")}
    job.write("hyperparameters", {**given, "epochs": "12" if said else "1", "_width": "8", **changes})
    succeeded(run, job)
    assert f"From scratch: optimizer {said}" in job.output if said else "From scratch" not in job.output
    assert max(logged(job, "validation:mAP")) > 0.25 or not said


@pytest.mark.sampled(1, of="trainings of object detection")
def test_vgg_learns(job: Any, run: Any) -> None:
    succeeded(run, put_scenes(job, 8, 1, base_network="vgg-16", epochs="12", mini_batch_size="4"))
    entropy = logged(job, "train:cross_entropy")
    assert entropy[-1] < 0.95 * entropy[0]  # which was that of equal scores
    assert json.loads((job.model / artefact.SYMBOL).read_bytes())["normalised"] is True


@pytest.mark.sampled(1, of="trainings of object detection")
def test_products_in_bfloat16_teach(job: Any, run: Any) -> None:
    succeeded(run, put_scenes(job, 24, 6, epochs="8", _width="8", _precision_dtype="float16", _num_gpus="0"))
    assert "Products are computed in bfloat16." in job.output
    entropy = logged(job, "train:cross_entropy")
    assert entropy[-1] < 0.8 * entropy[0]
    assert {each.dtype for each in load_file(job.model / artefact.WEIGHTS).values()} == {torch.float32, torch.int64}


@pytest.fixture(scope="module")
def known() -> dict[str, Path]:
    return {}


@pytest.fixture
def quick(make_job: Any, run: Any, known: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a training of one step, made once, in a folder that outlives the first test."""
    if "model" not in known:
        kept = tmp_path_factory.mktemp("quick") / "model"
        shutil.copytree(succeeded(run, put_scenes(make_job("quick"))).model, kept)
        known["model"] = kept
    return known["model"]


def test_records_manifests_and_files_give_the_same_model(make_job: Any, run: Any, quick: Path) -> None:
    parts = (("train", range(3)), ("validation", range(100, 101)))
    recorded = make_job("records").configure(BASE, dict.fromkeys(("train", "validation"), RECORDS))
    manifest = make_job("pipe").configure(BASE, dict.fromkeys(("train", "validation"), RECORDS))
    for each in (recorded, manifest):
        inputs = json.loads((each.root / "input/config/inputdataconfig.json").read_bytes())
        inputs["train"]["S3DistributionType"] = "ShardedByS3Key"
        inputs = {
            key: {**value, "TrainingInputMode": "File" if each is recorded else "Pipe"} for key, value in inputs.items()
        }
        each.write("inputdataconfig", inputs)
    for channel, seeds in parts:
        scenes = [scene(seed) for seed in seeds]
        frames = [image_record(encoded(picture), numbers(things)) for picture, things in scenes]
        recorded.put(channel, "part.rec", recordio.write_frames(frames))
        pairs = [content for picture, things in scenes for content in (encoded(picture), annotation(things))]
        (manifest.root / "input" / "data" / f"{channel}_0").write_bytes(recordio.write_frames(pairs))
    one = (quick / artefact.WEIGHTS).read_bytes()
    assert weights(succeeded(run, manifest)) == one
    loaded, other = load_file(quick / artefact.WEIGHTS), load_file(succeeded(run, recorded).model / artefact.WEIGHTS)
    for name, tensor in loaded.items():  # records have float32 fractions
        assert torch.allclose(tensor.float(), other[name].float(), atol=1e-2), name


@pytest.mark.sampled(1, of="a deep training of images that goes on")
def test_a_resumed_job_gives_the_model_of_an_unbroken_one(make_job: Any, run: Any) -> None:
    whole = succeeded(run, put_scenes(make_job("whole"), epochs="4"))
    broken = put_scenes(make_job("broken"), epochs="4")
    broken.write("checkpointconfig", {"S3Uri": "s3://bucket/prefix", "LocalPath": "/opt/ml/checkpoints"})
    process = broken.start(REPOSITORY, OMP_NUM_THREADS="1")
    while not (broken.root / "checkpoints" / "checkpoint-0002.safetensors").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    process.kill()
    process.communicate()
    succeeded(run, broken)
    assert "Training continues from checkpoint" in broken.output
    assert weights(whole) == weights(broken)


def test_incremental_training_begins_with_the_models_weights(make_job: Any, run: Any, quick: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in quick.iterdir():
            archive.add(path, path.name)
    second = put_scenes(make_job("second"), learning_rate="1e-9", image_shape="310")
    inputs = json.loads((second.root / "input/config/inputdataconfig.json").read_bytes())
    inputs["model"] = {"ContentType": "application/x-sagemaker-model"}
    second.write("inputdataconfig", inputs)
    second.put("model", "model.tar.gz", packed.getvalue())
    succeeded(run, second)
    before, after = load_file(quick / artefact.WEIGHTS), load_file(second.model / artefact.WEIGHTS)
    assert torch.allclose(before["scores.0.weight"], after["scores.0.weight"], atol=1e-6)
    for key, value, said in (
        ("base_network", "vgg-16", "has base_network resnet-50, and this job vgg-16: they must be equal"),
        ("num_classes", "3", "has num_classes 2, and this job 3: they must be equal"),
        ("image_shape", "512", "has image_shape 300, and this job 512: both must be less than 448"),
    ):
        second.write("hyperparameters", {**BASE, key: value})
        assert said in failure(run, second)


@pytest.mark.sampled(1, of="weights of pictures that are found")
def test_pretrained_weights_are_taken_where_there_are_some(
    job: Any, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in [name for name in __import__("os").environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    put_scenes(job, 2, 1, _width="64", mini_batch_size="2", learning_rate="1e-9")
    succeeded(run, job)
    assert job.output.count("use_pretrained_model is 1, and training begins from scratch. No pretrained") == 1
    place = tmp_path / "torch" / "hub" / "checkpoints"
    place.mkdir(parents=True)
    torch.manual_seed(5)
    theirs = resnet.resnet50().state_dict()
    torch.save(theirs, place / "resnet50-11ad3fa6.pth")
    succeeded(run, job)
    assert "from scratch" not in job.output
    found = load_file(job.model / artefact.WEIGHTS)["backbone.layer4.0.conv2.weight"]
    assert torch.allclose(found, theirs["layer4.0.conv2.weight"], atol=1e-6)


def test_frozen_layers_stay_what_they_were(make_job: Any, run: Any) -> None:
    one, other = (
        load_file(succeeded(run, put_scenes(make_job(name), 2, freeze_layer_pattern=pattern)).model / artefact.WEIGHTS)
        for name, pattern in (("one", "stage1"), ("other", "stage[12]"))
    )
    assert torch.equal(one["backbone.layer1.0.conv1.weight"], other["backbone.layer1.0.conv1.weight"])
    assert not torch.equal(one["backbone.layer2.0.conv1.weight"], other["backbone.layer2.0.conv1.weight"])


def test_what_can_not_be_used_is_counted_and_named(job: Any, run: Any) -> None:
    put_scenes(job, 1, label_width="12")
    picture, things = scene(0)
    (label, left, top, width, height), second = things
    job.put("train", "a.jpg", b"nothing")
    job.put("train_annotation", "a.json", annotation(things))
    job.put("train", "b.png", encoded(picture))
    for name, said in (
        ("c", annotation([(2, left, top, width, height)])),
        ("d", annotation([(label, 100, top, width, height)])),
        ("e", annotation([*things, second])),
        ("f", b"{"),
    ):
        job.put("train", f"{name}.png", encoded(picture))
        job.put("train_annotation", f"{name}.json", said)
    said = failure(run, job)
    assert said.startswith(
        "6 examples of channel train can't be used: a.jpg: it is neither JPEG nor PNG; b.png: there is no annotation b.json; "
        "c.png: object 0 is of class 2: it must be a whole number from 0 to 1; d.png: the box of object 0 is outside the image: "
    )
    assert said.endswith("; e.png: its label has 17 numbers, and label_width is 12; ...")
    job.write("inputdataconfig", {name: {"ContentType": "image/png"} for name in ("train", "validation")})
    assert "Missing required channel: train_annotation" in failure(run, job)
    job.configure(BASE, dict.fromkeys(NAMES[:2], RECORDS))
    for channel in NAMES[:2]:
        for path in job.channel(channel).rglob("*.*"):
            path.unlink()
        job.put(channel, "part.rec", recordio.write_frames([encoded(picture)]))
    assert "the last image has no label" in failure(run, job)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image_shape": "5000"}, "at most 2048"),
        ({"num_classes": "20000"}, "at most 10000"),
        ({"freeze_layer_pattern": "("}, "is not a regular expression"),
        ({"freeze_layer_pattern": "a" * 1001}, "has 1001 characters"),
        ({"freeze_layer_pattern": ".*"}, "there is nothing to learn"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_does_not_go_together_is_told(job: Any, run: Any, given: dict[str, str], said: str) -> None:
    assert said in failure(run, put_scenes(job, 1, **given))


def test_both_forms_of_answers_say_the_same(quick: Path) -> None:
    serving, photo = model.serve(quick), encoded(scene(0)[0], "JPEG")
    plain = json.loads(serving(photo, "application/x-image", "").body)["prediction"]
    shown = json.loads(serving(photo, "image/jpeg", "application/json;annotation=1").body)
    assert shown["image_size"] == [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
    assert len(plain) == len(shown["annotations"]) > 0
    for (label, score, *box), each in zip(plain, shown["annotations"], strict=True):
        assert (each["class_id"], each["score"]) == (label, score)
        edges = [each["left"], each["top"], each["left"] + each["width"], each["top"] + each["height"]]
        assert np.allclose(edges, np.array(box) * (WIDTH, HEIGHT, WIDTH, HEIGHT), atol=0.51)
    line = serving(photo, "image/jpeg", "application/jsonlines")
    assert (line.content_type, json.loads(line.body)["prediction"]) == ("application/jsonlines", plain)
    assert line.body.endswith(b"}\n")


def test_bad_requests_are_answered_with_what_is_wrong(quick: Path) -> None:
    serving, photo = model.serve(quick), encoded(scene(0)[0])
    assert serving(photo, "text/csv", "").status == 415
    assert serving(photo, "image/png", "image/png").status == 406
    for bad in (b"nothing", photo[:-200]):
        assert serving(bad, "image/png", "").status == 400


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (artefact.WEIGHTS, (0x112).to_bytes(8, "little") + b"\0" * 20, "an MXNet file"),
        (artefact.WEIGHTS, b"", "not a safetensors file"),
        (artefact.SYMBOL, b'{"nodes": []}', "an MXNet network"),
        (artefact.SYMBOL, b"{}", "not describe a detector of this algorithm"),
        (artefact.SYMBOL, b"nothing", "is not JSON"),
        (
            artefact.SYMBOL,
            b'{"format": "sagewright-object-detection-1", "base_network": "vgg-16"}',
            "not describe a detector",
        ),
    ],
)
def test_other_models_are_told_as_what_they_are(
    quick: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    for path in quick.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        model.serve(tmp_path)


@pytest.mark.sampled(1, of="hosts of a deep training")
def test_hosts_learn_one_network(make_job: Any, together: Any) -> None:
    jobs = []
    hosts = ("127.0.0.1", "127.0.0.2")
    for host in hosts:
        each = put_scenes(make_job(host), 4, kv_store="dist_sync", mini_batch_size="2")
        each.write("resourceconfig", {"current_host": host, "hosts": list(hosts)})
        jobs.append(each)
    together(jobs, REPOSITORY)
    assert weights(jobs[0])
    assert not (jobs[1].model / artefact.WEIGHTS).exists()
