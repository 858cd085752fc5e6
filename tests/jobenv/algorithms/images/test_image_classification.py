"""Image classification: what it learns, reads, writes and answers."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import tarfile
import time
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import resnet

from pictures import bomb, digits, encoded, image_record, image_records, picture
from sagewright.algorithms.deep.images import decoding
from sagewright.algorithms.deep.training import scaling
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.image_classification import model, network
from sagewright.algorithms.image_classification.framing import Framing

REPOSITORY = "image-classification"
RECORDS = "application/x-recordio"
BASE = {
    "num_classes": "3",
    "num_training_samples": "90",
    "image_shape": "1,8,8",
    "num_layers": "20",
    "epochs": "2",
    "mini_batch_size": "10",
    "learning_rate": "0.05",
}


def records_job(job: Any, rows: np.ndarray | None = None, **changes: str) -> Any:
    """A job of RecordIO files: 90 digits to learn from, 60 others to be measured on."""
    rows = digits(3, 150) if rows is None else rows
    job.configure({**BASE, **changes}, {"train": RECORDS, "validation": RECORDS}, checkpoints="_spot" in changes)
    job.put("train", "a.rec", image_records(rows[:90]))
    job.put("validation", "b.rec", image_records(rows[90:]))
    return job


def logged(job: Any, name: str) -> list[float]:
    return [float(each) for each in re.findall(rf"Epoch\S* {name}=(\S*)", job.output)]


def params(job: Any) -> dict[str, torch.Tensor]:
    document = json.loads((job.model / "image-classification-symbol.json").read_bytes())
    found: dict[str, torch.Tensor] = load_file(job.model / document["params"])
    return found


def same(one: Any, other: Any) -> bool:
    return params(one).keys() == params(other).keys() and all(
        torch.equal(params(one)[name], params(other)[name]) for name in params(one)
    )


def succeeded(run: Any, job: Any) -> Any:
    assert run(job, REPOSITORY) == 0, job.output
    return job


def failure(run: Any, job: Any) -> str:
    assert run(job, REPOSITORY) == 2, job.output
    said: str = job.failure
    return said


def test_it_learns_digits_and_says_so(job: Any, run: Any) -> None:
    succeeded(run, records_job(job, epochs="8", top_k="2"))
    accuracy = logged(job, "Validation-accuracy")
    assert max(accuracy) > 0.9
    assert len(logged(job, "Train-accuracy")) == len(logged(job, "Time cost")) == 8
    assert all(one <= two for one, two in zip(accuracy, logged(job, "Validation-top_k_accuracy_2"), strict=True))
    best = accuracy[:8].index(max(accuracy[:8])) + 1  # a ninth, if there is one, is that of the mixture
    assert sorted(path.name for path in job.model.iterdir()) == [
        f"image-classification-{best:04d}.params", "image-classification-symbol.json", "model-shapes.json",
    ]  # fmt: skip
    assert f'Saved checkpoint to "{job.model}/image-classification-{best:04d}.params"' in job.output
    assert json.loads((job.model / "model-shapes.json").read_bytes()) == [{"name": "data", "shape": [1, 1, 8, 8]}]
    serving, rows = model.serve(job.model), digits(3, 150)[90:]
    answers = [json.loads(serving(picture(row[1:]), "image/png", "").body) for row in rows]
    assert np.mean([np.argmax(answer) == row[0] for answer, row in zip(answers, rows, strict=True)]) == pytest.approx(
        max(accuracy), abs=1e-6
    )
    assert np.allclose(np.sum(answers, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "nag"])
def test_every_optimizer_learns(job: Any, run: Any, optimizer: str) -> None:
    rate = {"adam": "0.01", "rmsprop": "0.001", "nag": "0.05"}[optimizer]
    succeeded(run, records_job(job, epochs="8", optimizer=optimizer, learning_rate=rate))
    assert max(logged(job, "Validation-accuracy")) > 0.8


@pytest.mark.parametrize("layers", [18, 34, 50, 101, 152, 200])
def test_large_networks_have_torchvisions_weights(layers: int) -> None:
    expansion, depths = network.BLOCKS[layers]
    with torch.device("meta"):
        module = network.build(layers, 3, 7)
        theirs = resnet.ResNet(resnet.Bottleneck if expansion == 4 else resnet.BasicBlock, list(depths), num_classes=7)
    assert {f"1.{name}": each.shape for name, each in theirs.state_dict().items()} == {
        name: each.shape for name, each in module.state_dict().items() if name.startswith("1.")
    }
    assert (3 if layers >= 50 else 2) * sum(depths) + 2 == layers


@pytest.mark.parametrize("layers", [18, 50])
def test_large_networks_say_what_torchvisions_say(layers: int) -> None:
    torch.manual_seed(0)
    theirs = {18: resnet.resnet18, 50: resnet.resnet50}[layers](num_classes=7).eval()
    module = network.build(layers, 3, 7).eval()
    module[1].load_state_dict(theirs.state_dict())
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.allclose(module(pixels), theirs(module[0](pixels)), atol=1e-4)


@pytest.mark.parametrize("layers", [20, 32, 44, 56, 110])
def test_small_networks_have_so_many_layers(layers: int) -> None:
    with torch.device("meta"):
        module = network.build(layers, 3, 10)
    kinds = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(kinds) == layers
    if layers in (20, 56):  # as the paper counts them: 0.27 M, 0.85 M
        assert sum(each.numel() for each in module.parameters()) == {20: 269722, 56: 853018}[layers]


def test_pixels_are_normalised_in_the_network() -> None:
    layer = scaling.Normalise(3)
    grey = torch.full((1, 3, 1, 1), 128, dtype=torch.uint8)
    expected = (128 / 255 - torch.tensor(scaling.MEAN)) / torch.tensor(scaling.DEVIATION)
    assert torch.allclose(layer(grey).flatten(), expected, atol=1e-5)


def test_images_with_a_list_give_the_model_of_the_records(make_job: Any, run: Any) -> None:
    rows = digits(3, 150)
    one = succeeded(run, records_job(make_job("records"), rows, resize="8"))
    other = make_job("list")
    names = ("train", "validation", "train_lst", "validation_lst")
    other.configure({**BASE, "resize": "8"}, dict.fromkeys(names, "image/png"))
    for channel, part in (("train", rows[:90]), ("validation", rows[90:])):
        lines = []
        for number, row in enumerate(part):
            other.put(channel, f"class{int(row[0])}/{number}.png", picture(row[1:]))
            lines.append(f"{number}\t{int(row[0])}\tclass{int(row[0])}/{number}.png\n")
        other.put(f"{channel}_lst", f"{channel}.lst", "".join(lines).encode())
    assert same(one, succeeded(run, other))


def test_an_augmented_manifest_in_pipe_mode_gives_the_model_of_the_records(make_job: Any, run: Any) -> None:
    rows = digits(3, 150)
    one = succeeded(run, records_job(make_job("records"), rows))
    other = records_job(make_job("pipe"), rows)
    inputs = {
        name: {"TrainingInputMode": "Pipe", "ContentType": RECORDS, "RecordWrapperType": "RecordIO"}
        for name in ("train", "validation")
    }
    other.write("inputdataconfig", inputs)
    for channel, part in (("train", rows[:90]), ("validation", rows[90:])):
        frames = [frame for row in part for frame in (picture(row[1:]), str(int(row[0])).encode())]
        (other.root / "input" / "data" / f"{channel}_0").write_bytes(recordio.write_frames(frames))
    assert same(one, succeeded(run, other))


def multi(rows: np.ndarray, ids: bool = False) -> bytes:
    """Two labels: whether it is a one, and whether it is not a two."""
    found = []
    for row in rows:
        labels = [float(row[0] == 1), float(row[0] != 2)]
        labels = [float(number) for number, each in enumerate(labels) if each] if ids else labels
        found.append(image_record(picture(row[1:]), labels))
    return recordio.write_frames(found)


def test_several_labels(make_job: Any, run: Any) -> None:
    rows = digits(2, 150)
    jobs = []
    for kind in ("", "; label-format=class-id"):
        job = make_job(f"multi{len(kind)}")
        given = {**BASE, "num_classes": "2", "multi_label": "1", "epochs": "8", "use_weighted_loss": "1"}
        job.configure(given, dict.fromkeys(("train", "validation"), RECORDS + kind))
        job.put("train", "a.rec", multi(rows[:90], bool(kind)))
        job.put("validation", "b.rec", multi(rows[90:], bool(kind)))
        jobs.append(succeeded(run, job))
    assert same(*jobs)
    assert max(logged(jobs[0], "Validation-accuracy")) > 0.85
    answer = json.loads(model.serve(jobs[0].model)(picture(rows[0][1:]), "image/png", "application/json").body)
    assert len(answer) == 2
    assert all(0 <= each <= 1 for each in answer)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["crop", "crop_color", "crop_color_transform"])
@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_learns_from_crops_of_larger_images(job: Any, run: Any, kind: str, channels: int) -> None:
    rows = digits(3, 150)
    for channel, part in (("train", rows[:90]), ("validation", rows[90:])):
        content = []
        for row in part:
            image = np.pad(row[1:].reshape(8, 8).astype(np.uint8), 1)
            content.append(
                image_record(encoded(image if channels == 1 else np.repeat(image[:, :, None], 3, 2)), row[:1].tolist())
            )
        job.configure(
            {**BASE, "image_shape": f"{channels},8,8", "augmentation_type": kind, "epochs": "8"},
            dict.fromkeys(("train", "validation"), RECORDS),
        )
        job.put(channel, "a.rec", recordio.write_frames(content))
    succeeded(run, job)
    assert max(logged(job, "Validation-accuracy")) > 0.7


@pytest.mark.parametrize("resize", [None, "14"])
def test_the_logged_accuracy_is_the_endpoints(job: Any, run: Any, resize: str | None) -> None:
    """Images larger than image_shape, whose edges are bright: squeezed into the shape they would look like others."""
    rows, given = digits(3, 150), {"resize": resize} if resize else {}
    pictures = [encoded(np.pad(row[1:].reshape(8, 8).astype(np.uint8), 3, constant_values=255)) for row in rows]
    job.configure({**BASE, **given, "epochs": "6"}, {"train": RECORDS, "validation": RECORDS})
    for channel, part in (("train", slice(0, 90)), ("validation", slice(90, 150))):
        content = [image_record(one, row[:1].tolist()) for one, row in zip(pictures[part], rows[part], strict=True)]
        job.put(channel, "a.rec", recordio.write_frames(content))
    succeeded(run, job)
    served = model.serve(job.model)
    right = [
        np.argmax(json.loads(served(one, "image/png", "").body)) == row[0]
        for one, row in zip(pictures[90:], rows[90:], strict=True)
    ]
    assert np.mean(right) == pytest.approx(logged(job, "Validation-accuracy")[-1], abs=1e-6)
    assert np.mean(right) > 0.6


def test_images_of_other_sizes_are_brought_to_the_usual_one() -> None:
    framing = Framing(20, 24, 30)
    assert framing.framed(encoded(np.zeros((25, 40), np.uint8)), "L", 8, 12).shape == (8, 12, 1)
    large = np.zeros((480, 480), np.uint8)
    large[160:320, 160:320] = 255
    found = framing.framed(encoded(large), "L", 8, 8)
    assert found.min() > 180  # of 24 pixels the middle third
    assert framing.framed(encoded(np.zeros((20, 20), np.uint8)), "L", 28, 28).shape == (28, 28, 1)
    for wrong in ([1, 2], [3, 2, 1], [0, 1, 2], "abc"):
        with pytest.raises((ValueError, TypeError)):
            Framing.read(wrong)


@pytest.mark.sampled(1, of="a deep training that was killed")
def test_a_resumed_job_gives_the_model_of_an_unbroken_one(make_job: Any, run: Any) -> None:
    whole = succeeded(run, records_job(make_job("whole"), epochs="4", augmentation_type="crop"))
    broken = records_job(make_job("broken"), epochs="4", augmentation_type="crop")
    broken.write("checkpointconfig", {"S3Uri": "s3://bucket/prefix", "LocalPath": "/opt/ml/checkpoints"})
    process = broken.start(REPOSITORY, OMP_NUM_THREADS="1")
    place = broken.root / "checkpoints"
    while not (place / "checkpoint-0002.safetensors").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not (broken.model / "image-classification-symbol.json").exists()
    succeeded(run, broken)
    assert "Training continues from checkpoint" in broken.output
    assert same(whole, broken)


def test_sigterm_leaves_the_best_model_so_far(job: Any) -> None:
    records_job(job, epochs="100000")
    process = job.start(REPOSITORY, OMP_NUM_THREADS="1")
    assert process.stdout is not None
    for line in process.stdout:
        if "Validation-accuracy" in line:
            break
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "SIGTERM" in said
    assert model.serve(job.model)(picture(digits(3, 1)[0][1:]), "image/png", "").status == 200


def test_sigterm_ends_it_at_once_while_it_reads(job: Any) -> None:
    inputs = {name: {"TrainingInputMode": "Pipe", "ContentType": RECORDS} for name in ("train", "validation")}
    records_job(job, _log_level="info").write("inputdataconfig", inputs)
    os.mkfifo(job.root / "input" / "data" / "train_0")
    with job.start(REPOSITORY, OMP_NUM_THREADS="1") as process:
        for line in process.stdout:
            if "does not use: _log_level" in line:  # the last before it reads
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not list(job.model.iterdir())


def test_it_stops_early(job: Any, run: Any) -> None:
    stops = {
        "early_stopping": "True", "early_stopping_min_epochs": "2", "early_stopping_patience": "1",
        "early_stopping_tolerance": "1.0",
    }  # fmt: skip
    succeeded(run, records_job(job, epochs="40", **stops))
    accuracy = logged(job, "Validation-accuracy")
    assert 2 <= len(accuracy) < 40
    assert accuracy[-1] < 2 * max(accuracy[:-1]) or accuracy[-1] == max(accuracy)
    epochs = len(logged(job, "Train-accuracy"))
    assert f"Training stops early after epoch {epochs - 1}." in job.output
    assert accuracy[-1] == max(accuracy)  # the stored model's, which is the job's metric


@pytest.mark.sampled(1, of="hosts of a deep training")
def test_two_hosts_learn_one_model(make_job: Any, together: Any) -> None:
    rows = digits(3, 150)
    jobs = []
    hosts = ("127.0.0.1", "127.0.0.2")
    for current in hosts:
        job = make_job(current)
        given = {**BASE, "epochs": "6", "kv_store": "dist_async", "mini_batch_size": "15"}
        job.configure(given, dict.fromkeys(("train", "validation"), RECORDS), hosts=hosts, current=current)
        job.put("train", "a.rec", image_records(rows[:45] if current == hosts[0] else rows[45:90]))
        job.put("validation", "b.rec", image_records(rows[90:]))
        jobs.append(job)
    together(jobs, REPOSITORY)
    assert "as with dist_sync" in jobs[0].output
    accuracies = [logged(job, "Validation-accuracy") for job in jobs]
    assert accuracies[0] == accuracies[1]
    assert max(accuracies[0]) > 0.8
    assert not list(jobs[1].model.iterdir())
    assert params(jobs[0])


def model_archive(job: Any) -> bytes:
    """`model.tar.gz`, and beside the model what nobody may unpack."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for path in sorted(job.model.iterdir()):
            packed.add(path, path.name)
        evil = tarfile.TarInfo("../../../evil.txt")
        evil.size = 4
        packed.addfile(evil, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("image-classification-9999.params")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
    return out.getvalue()


def test_incremental_training_begins_with_the_models_weights(make_job: Any, run: Any) -> None:
    first = succeeded(run, records_job(make_job("first"), epochs="8"))
    second = records_job(make_job("second"), epochs="1", learning_rate="0.0001")
    inputs = json.loads((second.root / "input/config/inputdataconfig.json").read_bytes())
    inputs["model"] = {"TrainingInputMode": "File", "ContentType": "application/x-sagemaker-model"}
    second.write("inputdataconfig", inputs)
    second.put("model", "model.tar.gz", model_archive(first))
    succeeded(run, second)
    assert logged(second, "Validation-accuracy")[0] >= max(logged(first, "Validation-accuracy")) - 0.1
    for key, value in (("num_layers", "32"), ("image_shape", "1,7,7"), ("num_classes", "4")):
        second.write("hyperparameters", {**BASE, key: value})
        said = failure(run, second)
        assert f"The model of channel model has {key}" in said
        assert "they must be equal" in said
    for content in (b"", b"no archive", model_archive(first)[:500]):
        second.write("hyperparameters", BASE)
        second.put("model", "model.tar.gz", content)
        assert "model" in failure(run, second)


@pytest.mark.sampled(1, of="weights of pictures that are found")
def test_pretrained_weights(make_job: Any, run: Any) -> None:
    rows = digits(3, 60)
    colour = [
        image_record(encoded(np.repeat(row[1:].reshape(8, 8, 1).astype(np.uint8), 3, 2)), row[:1].tolist())
        for row in rows
    ]
    job = make_job("pretrained")
    given = {**BASE, "num_layers": "18", "image_shape": "3,8,8", "use_pretrained_model": "1", "epochs": "1"}
    channels = {"train": RECORDS, "validation": RECORDS, "model": "application/x-sagemaker-model"}
    job.configure(given, channels)
    for channel in ("train", "validation"):
        job.put(channel, "a.rec", recordio.write_frames(colour))
    said = failure(run, job)
    assert "No pretrained weights for ResNet-18" in said
    assert "sagewright weights add resnet18-f37072fd.pth" in said
    torch.manual_seed(0)
    theirs = resnet.resnet18(num_classes=1000).state_dict()
    torch.save(theirs, job.channel("model") / "resnet18-f37072fd.pth")
    job.write("hyperparameters", {**given, "learning_rate": "0", "weight_decay": "0"})
    succeeded(run, job)
    assert torch.equal(params(job)["1.layer1.0.conv1.weight"], theirs["layer1.0.conv1.weight"])
    assert params(job)["1.fc.weight"].shape == (3, 512)
    torch.save(resnet.resnet34().state_dict(), job.channel("model") / "resnet18-f37072fd.pth")
    assert "The file of ResNet-18 belongs to another network" in failure(run, job)


def test_checkpoints_of_every_second_epoch_stay(job: Any, run: Any) -> None:
    succeeded(run, records_job(job, epochs="5", checkpoint_frequency="2"))
    names = {path.name for path in job.model.glob("*.params")}
    assert names >= {"image-classification-0002.params", "image-classification-0004.params"}


def test_float16_is_bfloat16_on_cpus(job: Any, run: Any) -> None:
    succeeded(run, records_job(job, epochs="8", precision_dtype="float16"))
    assert "computed in bfloat16" in job.output
    assert max(logged(job, "Validation-accuracy")) > 0.8


def test_bad_images_are_counted_and_the_first_five_named(job: Any, run: Any) -> None:
    rows = digits(3, 150)
    good = [image_record(picture(row[1:]), row[:1].tolist()) for row in rows[:90]]
    tiff = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tiff, "TIFF")
    bad = [
        image_record(picture(rows[0][1:])[:-30], [0.0]),
        image_record(picture(rows[0][1:]), [3.0]),
        image_record(picture(rows[0][1:]), [0.5]),
        image_record(b"", [0.0]),
        image_record(tiff.getvalue(), [0.0]),
        image_record(encoded(np.zeros((4, 9), np.uint8)), [0.0]),
        image_record(picture(rows[0][1:]), [0.0, 1.0]),
        image_record(bomb(), [1.0]),
        b"short",
    ]
    records_job(job).put("train", "a.rec", recordio.write_frames([*good[:3], *bad, *good[3:]]))
    said = failure(run, job)
    assert said.startswith(
        "9 examples of channel train can't be used: a.rec, record 3: it can't be decoded; a.rec, record 4: "
    )
    assert "its label is 3: it must be a whole number from 0 to 2; a.rec, record 5: its label is 0.5" in said
    assert "a.rec, record 6: it is empty; a.rec, record 7: it is neither JPEG nor PNG; ..." in said


def test_each_fault_of_an_image_is_told() -> None:
    with pytest.raises(decoding.BadImage, match="60000 x 60000 pixels; the limit is 67108864"):
        decoding.opened(bomb())
    with pytest.raises(decoding.BadImage, match="resized it would have"):
        decoding.shorter_side(decoding.opened(encoded(np.zeros((1, 5000), np.uint8))), 4096)
    big = decoding.opened(encoded(np.zeros((400, 600, 3), np.uint8), "JPEG"))
    assert min(decoding.converted(big, "RGB", 50).size) in range(100, 200)
    with pytest.raises(decoding.BadImage, match="can't be decoded"):
        decoding.converted(decoding.opened(encoded(np.zeros((400, 600, 3), np.uint8), "PNG")[:-40]), "RGB")


def test_lists_name_what_is_wrong_with_their_lines(job: Any, run: Any) -> None:
    names = ("train", "validation", "train_lst", "validation_lst")
    job.configure({**BASE, "resize": "8"}, dict.fromkeys(names, "application/x-image"))
    job.put("train", "a.png", picture(digits(3, 1)[0][1:]))
    (job.root / "secret.png").write_bytes(picture(digits(3, 1)[0][1:]))
    lines = [
        "0\t1\ta.png",
        "1\t0\t../../../secret.png",
        "2\t0\tmissing.png",
        "3 0 a.png",
        "4\tcat\ta.png",
        f"5\t0\t{job.root}/secret.png",
    ]
    job.put("train_lst", "train.lst", "\n".join(lines).encode())
    said = failure(run, job)
    assert said.startswith(
        "5 examples of channel train can't be used: train.lst, line 2: ../../../secret.png is outside the channel;"
    )
    for part in ("there is no file missing.png", "with TABs between", "its label is not a number: 'cat'", "line 6: "):
        assert part in said
    job.write("inputdataconfig", {name: {"ContentType": "image/png"} for name in ("train", "validation")})
    assert "Missing required channel: train_lst" in failure(run, job)
    job.configure(BASE, dict.fromkeys(names, "image/png"))
    assert "resize is required" in failure(run, job)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image_shape": "8,8"}, "three whole numbers"),
        ({"image_shape": "4,8,8"}, "1 or 3 channels"),
        ({"image_shape": "3,8,4097"}, "in [1, 4096]"),
        ({"image_shape": "3,0,8"}, "in [1, 4096]"),
        ({"resize": "7"}, "at least 8"),
        ({"resize": "5000"}, "at most 4096"),
        ({"checkpoint_frequency": "3"}, "no greater than epochs, 2"),
        ({"top_k": "4"}, "at most num_classes, 3"),
        ({"use_pretrained_model": "1"}, "18, 34, 50, 101, 152 layers alone"),
        ({"use_pretrained_model": "1", "num_layers": "200"}, "18, 34, 50, 101, 152 layers alone"),
        ({"use_pretrained_model": "1", "num_layers": "50"}, "three channels"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_told(job: Any, run: Any, given: dict[str, str], said: str) -> None:
    assert said in failure(run, records_job(job, **given))


def test_one_image_a_batch_is_too_few_where_nothing_else_is_left(job: Any, run: Any) -> None:
    given = {"mini_batch_size": "1", "num_layers": "18", "image_shape": "1,8,8"}
    assert "it must be at least 2" in failure(run, records_job(job, digits(3, 92), **given))
