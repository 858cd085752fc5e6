"""Semantic segmentation: what it learns, reads, writes and answers."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from masks import BASE, Held, put_scenes, scene
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import resnet, segmentation

from pictures import encoded
from sagewright.algorithms.deep import residual
from sagewright.algorithms.deep.training.pace import Pace
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.semantic_segmentation import model, network, unet_training
from sagewright.algorithms.semantic_segmentation.data import Crops, Scenes
from sagewright.algorithms.semantic_segmentation.declaration import DECLARATION
from sagewright.algorithms.semantic_segmentation.scores import Confusion

REPOSITORY = "semantic-segmentation"
RECORDS = "application/x-recordio"


def logged(job: Any, name: str) -> list[float]:
    return [float(each) for each in re.findall(rf"{name}: (\S+)", job.output)]


def succeeded(run: Any, job: Any) -> Any:
    assert run(job, REPOSITORY) == 0, job.output
    return job


def failure(run: Any, job: Any) -> str:
    assert run(job, REPOSITORY) == 2, job.output
    said: str = job.failure
    return said


def weights(job: Any) -> bytes:
    found: bytes = (job.model / "model_best.params").read_bytes()
    return found


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small U-Net, which has a test of its own, takes seconds otherwise."""
    monkeypatch.setattr(unet_training, "STEPS", 4)
    monkeypatch.setattr(unet_training, "ROUNDS", 0)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("algorithm", ["fcn", "psp", "deeplab"])
def test_it_learns_where_things_are(job: Any, run: Any, algorithm: str) -> None:
    given = {"base_size": "96", "crop_size": "96", "optimizer": "adam", "learning_rate": "0.01", "epochs": "16"}
    succeeded(run, put_scenes(job, algorithm=algorithm, **given))
    scores = logged(job, "validation mIOU")
    best = max(scores)
    assert best > 0.65
    assert scores[-1] == best  # measured again if the last epoch's is another
    assert len(logged(job, "train loss")) == len(logged(job, "train throughput")) == 16
    assert len(scores) == len(logged(job, "pixel_accuracy"))
    assert len(scores) in {16, 17}
    assert len(logged(job, "validation throughput")) in {16, 17}
    assert sorted(path.name for path in job.model.iterdir()) == ["hyperparams.json", "model_best.params"]
    serving, confusion = model.serve(job.model), Confusion(3)
    for number in range(100, 106):
        picture, mask = scene(number)
        answer = serving(encoded(picture), "image/png", "image/png")
        assert answer.content_type == "image/png"
        said = np.asarray(Image.open(io.BytesIO(answer.body)))
        assert said.shape == mask.shape
        confusion.add(torch.tensor(said), torch.tensor(mask))
    assert confusion.measures()["mIOU"] == pytest.approx(best, abs=1e-4)


def test_products_in_bfloat16_teach(job: Any, run: Any) -> None:
    given = {"optimizer": "adam", "learning_rate": "0.01", "epochs": "6"}
    succeeded(run, put_scenes(job, _precision_dtype="float16", _num_gpus="0", **given))
    assert "Products are computed in bfloat16." in job.output
    loss = logged(job, "train loss")
    assert loss[-1] < 0.8 * loss[0]  # 0.6 in float32; the instructions for bfloat16 differ between CPUs
    assert {each.dtype for each in load_file(job.model / "model_best.params").values()} == {torch.float32, torch.int64}


def test_probabilities_have_the_size_of_the_image(job: Any, run: Any) -> None:
    succeeded(run, put_scenes(job, epochs="1"))
    photo = np.random.default_rng(0).integers(0, 256, (50, 21, 3), np.uint8)
    serving = model.serve(job.model)
    mask = np.asarray(Image.open(io.BytesIO(serving(encoded(photo, "JPEG"), "image/jpeg", "").body)))
    for media in ("application/x-recordio-protobuf", "application/x-protobuf"):
        answer = serving(encoded(photo, "JPEG"), "application/x-image", media)
        (frame,) = recordio.read_frames(answer.body, "the answer")
        found = record.decode(frame).features
        assert found["shape"].values.tolist() == [1, 3, 50, 21]
        likely = found["target"].values.reshape(3, 50, 21)
        assert np.allclose(likely.sum(0), 1, atol=1e-5)
        assert (likely.argmax(0) == mask).all()


@pytest.mark.parametrize("layers", [50, 101])
def test_the_backbone_says_what_torchvisions_says(layers: int) -> None:
    torch.manual_seed(0)
    build = {50: resnet.resnet50, 101: resnet.resnet101}[layers]
    theirs = build(replace_stride_with_dilation=[False, True, True]).eval()
    ours = residual.Residual(layers, 3, 1000, dilated=True).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(1, 3, 64, 48)
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images), rtol=1e-3, atol=1e-3)
        assert ours.features(images)[1].shape == (1, 2048, 8, 6)


def test_networks_are_as_large_as_torchvisions() -> None:
    with torch.device("meta"):
        pairs = [
            (
                network.build("resnet-50", "fcn", 21, 64),
                segmentation.fcn_resnet50(weights=None, weights_backbone=None, aux_loss=True),
            ),
            (
                network.build("resnet-101", "deeplab", 21, 64),
                segmentation.deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True),
            ),
        ]
    for ours, theirs in pairs:
        assert sum(each.numel() for each in ours.parameters()) == sum(each.numel() for each in theirs.parameters())


def test_label_maps_give_the_model_of_the_classes(make_job: Any, run: Any) -> None:
    one = succeeded(run, put_scenes(make_job("plain"), epochs="1"))
    for kind, content in (("scale", {"scale": "7"}), ("map", {"map": {"0": 0, "1": 7, "2": 14}})):
        other = put_scenes(make_job(kind), scale=7, epochs="1")
        assert "its mask has a pixel of 7: label 7 must be from 0 to 2" in failure(run, other)
        inputs = json.loads((other.root / "input/config/inputdataconfig.json").read_bytes())
        inputs["label_map"] = {"ContentType": "application/json"}
        other.write("inputdataconfig", inputs)
        for channel in ("train", "validation"):
            other.put("label_map", f"{channel}_label_map.json", json.dumps(content).encode())
        assert weights(succeeded(run, other)) == weights(one)
    other.put("label_map", "train_label_map.json", json.dumps({"map": {"0": 0, "1": 7}}).encode())
    assert "its mask has a pixel of 14: the label map does not contain it" in failure(run, other)
    bad_ones = (
        b"{",
        b"[]",
        b'{"scale": 0}',
        b'{"scale": "x"}',
        b'{"map": {"a": 1}}',
        b'{"map": {"1": 999}}',
        b"[" * 10**5,
    )
    for bad in (*bad_ones, b'{"other": 1}'):
        other.put("label_map", "train_label_map.json", bad)
        assert "train_label_map.json of channel label_map can't be used" in failure(run, other)


def test_an_augmented_manifest_gives_the_model_of_the_files(make_job: Any, run: Any) -> None:
    one = succeeded(run, put_scenes(make_job("files"), count=9, epochs="1"))
    other = make_job("pipe").configure({**BASE, "epochs": "1"}, dict.fromkeys(("train", "validation"), RECORDS))
    inputs = {name: {"TrainingInputMode": "Pipe", "ContentType": RECORDS} for name in ("train", "validation")}
    other.write("inputdataconfig", inputs)
    for channel, numbers in (("train", range(9)), ("validation", range(100, 106))):
        frames = [encoded(each) for number in numbers for each in scene(number)]
        (other.root / "input" / "data" / f"{channel}_0").write_bytes(recordio.write_frames(frames))
    assert weights(succeeded(run, other)) == weights(one)


def test_annotations_that_the_prefix_of_the_images_brings_are_none_of_them(make_job: Any, run: Any) -> None:
    one = succeeded(run, put_scenes(make_job("one"), count=4, later=1, epochs="1"))
    other = put_scenes(make_job("other"), count=4, later=1, epochs="1")
    for number in range(4):
        other.put("train", f"train_annotation/some/{number}.png", encoded(scene(number)[1]))
    assert weights(succeeded(run, other)) == weights(one)


def test_holes_teach_nothing_and_are_not_measured() -> None:
    confusion = Confusion(3)
    confusion.add(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 0, 255]))
    assert confusion.measures() == {"mIOU": pytest.approx((0.5 + 0.5) / 2), "pixel_accuracy": pytest.approx(2 / 3)}
    assert Confusion(3).measures() == {"mIOU": 0.0, "pixel_accuracy": 0.0}


def test_measures_are_those_of_an_oracle() -> None:
    from sklearn.metrics import accuracy_score, jaccard_score

    random = np.random.default_rng(0)
    right, said = random.integers(0, 4, (2, 3, 50))
    confusion = Confusion(6)  # two of which do not occur
    for one, other in zip(said, right, strict=True):
        confusion.add(torch.tensor(one), torch.tensor(other))
    expected = jaccard_score(right.ravel(), said.ravel(), average="macro")
    assert confusion.measures() == pytest.approx(
        {"mIOU": expected, "pixel_accuracy": accuracy_score(right.ravel(), said.ravel())}
    )


def test_crops_keep_image_and_mask_together() -> None:
    picture, mask = scene(0)
    scenes = Scenes(Held(picture), Held(mask[:, :, None]))  # type: ignore[arg-type]
    for side in (16, 40, 100):
        pictures, masks = Crops(scenes, 40, side).take(np.zeros(60, np.int64), np.random.default_rng(0))
        assert pictures.shape == (60, side, side, 3)
        inside = masks != 255
        assert (pictures[~inside] == 0).all()
        red, blue = pictures[..., 0] > 200, pictures[..., 2] > 200
        for label, seen in ((1, red), (2, blue)):
            agree = (masks == label) & inside
            assert np.mean(seen[agree]) > 0.8
            assert np.mean(agree[seen]) > 0.9


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


def test_incremental_training_begins_with_the_models_weights(make_job: Any, run: Any) -> None:
    first = succeeded(run, put_scenes(make_job("first")))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in first.model.iterdir():
            archive.add(path, path.name)
    second = put_scenes(make_job("second"), epochs="1", learning_rate="1e-6")
    inputs = json.loads((second.root / "input/config/inputdataconfig.json").read_bytes())
    inputs["model"] = {"ContentType": "application/x-sagemaker-model"}
    second.write("inputdataconfig", inputs)
    second.put("model", "model.tar.gz", packed.getvalue())
    succeeded(run, second)
    assert logged(second, "validation mIOU")[0] > max(logged(first, "validation mIOU")[:8]) - 0.15  # the network's
    for key, value, shown in (
        ("algorithm", "psp", "psp"),
        ("crop_size", "50", "56"),
        ("num_classes", "4", "4"),
        ("backbone", "resnet-101", "resnet-101"),
    ):
        second.write("hyperparameters", {**BASE, key: value})
        assert f"has {key} " in (said := failure(run, second))
        assert f"and this job {shown}: they must be equal" in said


FROM_SCRATCH = "From scratch: optimizer adam, learning_rate 0.001, mini_batch_size "


@pytest.mark.parametrize(
    ("changes", "batch"),
    [
        ({}, "4"),
        ({"epochs": "40"}, "8"),
        ({"mini_batch_size": "8"}, "8"),
        ({"learning_rate": "0.01"}, ""),
        ({"optimizer": "nag"}, ""),
        ({"momentum": "0.5"}, ""),
    ],
)
def test_from_scratch_defaults_are_those_that_move_new_weights(
    caplog: pytest.LogCaptureFixture, changes: dict[str, str], batch: str
) -> None:
    given = {name: value for name, value in BASE.items() if name not in {"learning_rate", "mini_batch_size"}}
    values = DECLARATION.validate_hyperparameters({**given, **changes})
    own = SimpleNamespace(values=values, chosen=DECLARATION.chosen({**given, **changes}))
    with caplog.at_level("INFO"):
        found = Pace.of(own, 24, from_scratch=True)  # type: ignore[arg-type]
    asked = Pace(values["optimizer"], values["learning_rate"], values["mini_batch_size"])
    if batch:
        assert found == Pace("adam", 0.001, int(batch))
        assert FROM_SCRATCH + batch in caplog.text
    else:
        assert found == asked
    assert Pace.of(own, 24, from_scratch=False) == asked  # type: ignore[arg-type]


def test_few_images_teach_it_with_default_settings(job: Any, run: Any) -> None:
    put_scenes(job)
    names = ("num_classes", "num_training_samples", "base_size", "crop_size", "_width")
    job.write("hyperparameters", {name: BASE[name] for name in names})
    succeeded(run, job)
    assert FROM_SCRATCH + "4" in job.output
    (ratio,) = re.findall(r"train baseline_ratio <loss>=(\S+)", job.output)
    assert float(ratio) < 0.9


@pytest.mark.sampled(1, of="weights of pictures that are found")
def test_pretrained_weights_are_taken_where_there_are_some(
    job: Any, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in [name for name in __import__("os").environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    put_scenes(job, count=2, later=1, epochs="1", _width="64", mini_batch_size="2", learning_rate="1e-9")
    succeeded(run, job)
    assert (
        job.output.count("use_pretrained_model is True, and training begins from scratch. No pretrained weights") == 1
    )
    place = tmp_path / "torch" / "hub" / "checkpoints"
    place.mkdir(parents=True)
    torch.manual_seed(5)
    theirs = resnet.resnet50().state_dict()
    torch.save(theirs, place / "resnet50-11ad3fa6.pth")
    succeeded(run, job)
    assert "from scratch" not in job.output
    found = load_file(job.model / "model_best.params")["backbone.layer4.0.conv2.weight"]
    assert torch.allclose(found, theirs["layer4.0.conv2.weight"], atol=1e-6)


def test_what_can_not_be_used_is_counted_and_named(job: Any, run: Any) -> None:
    put_scenes(job, count=3, later=1)
    picture, mask = scene(0)
    job.put("train", "a.jpg", b"nothing")
    job.put("train_annotation", "a.png", encoded(mask))
    job.put("train", "b.png", encoded(picture))
    job.put("train", "c.png", encoded(picture))
    job.put("train_annotation", "c.png", encoded(mask[:-1]))
    job.put("train", "d.png", encoded(picture))
    job.put("train_annotation", "d.png", encoded(picture))
    job.put("train", "e.png", encoded(picture))
    job.put("train_annotation", "e.png", encoded(mask + 1))
    job.put("train", "f.png", encoded(picture)[:-200])
    job.put("train_annotation", "f.png", encoded(mask))
    said = failure(run, job)
    assert said.startswith(
        "6 examples of channel train can't be used: a.jpg: it is neither JPEG nor PNG; b.png: there is no annotation b.png;"
    )
    assert (
        "c.png: it has 40 x 32 pixels, and its mask 40 x 31; d.png: its mask must have one channel, and is RGB;" in said
    )
    assert said.endswith("e.png: its mask has a pixel of 3: label 3 must be from 0 to 2; ...")
    job.write("inputdataconfig", {name: {"ContentType": "image/png"} for name in ("train", "validation")})
    assert "Missing required channel: train_annotation" in failure(run, job)


def test_indexed_masks_are_read_by_their_indices(make_job: Any, run: Any) -> None:
    one = succeeded(run, put_scenes(make_job("plain"), count=4, later=1, epochs="1"))
    other = put_scenes(make_job("indexed"), count=4, later=1, epochs="1")
    for number in range(4):
        image = Image.new("P", (40, 32))
        image.putdata(list(scene(number)[1].ravel()))
        image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
        out = io.BytesIO()
        image.save(out, "PNG")
        other.put("train_annotation", f"some/{number}.png", out.getvalue())
    assert weights(succeeded(run, other)) == weights(one)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lr_scheduler": "step"}, "lr_scheduler_step must say"),
        ({"crop_size": "5000"}, "at most 4096"),
        ({"base_size": "5000"}, "at most 4096"),
        ({"mini_batch_size": "1", "algorithm": "psp"}, "algorithm psp needs at least 2"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_told(job: Any, run: Any, given: dict[str, str], said: str) -> None:
    assert said in failure(run, put_scenes(job, count=2, later=1, **given))


def test_it_runs_on_one_instance(job: Any, run: Any) -> None:
    put_scenes(job, count=1, later=1)
    job.write("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})
    assert "runs on one instance, and the job has 2" in failure(run, job)


def test_bad_requests_are_answered_with_what_is_wrong(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = model.serve(succeeded(run, put_scenes(job, count=2, later=1, epochs="1")).model)
    photo = encoded(scene(0)[0])
    assert serving(photo, "text/csv", "").status == 415
    assert serving(photo, "image/png", "text/csv").status == 406
    for bad in (b"nothing", photo[:-200]):
        assert serving(bad, "image/png", "").status == 400
    monkeypatch.setattr(model, "MOST_NUMBERS", 3 * 32 * 40 - 1)
    answer = serving(photo, "image/png", "")
    assert (answer.status, b"3840 numbers; the limit is 3839" in answer.body) == (400, True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model_best.params", (0x112).to_bytes(8, "little") + b"\0" * 20, "an MXNet file"),
        ("model_best.params", b"", "not a safetensors file"),
        ("hyperparams.json", b"{}", "not describe a model of this algorithm"),
        ("hyperparams.json", b"nothing", "is not JSON"),
        (
            "hyperparams.json",
            b'{"format": "sagewright-semantic-segmentation-1", "num_classes": 999}',
            "not describe a model of this algorithm",
        ),
    ],
)
def test_other_models_are_told_as_what_they_are(job: Any, run: Any, name: str, content: bytes, said: str) -> None:
    succeeded(run, put_scenes(job, count=2, later=1, epochs="1"))
    (job.model / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        model.serve(job.model)
