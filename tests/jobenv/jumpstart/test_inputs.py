"""Pictures, sound and tables of strangers: what is read, and what is refused with its reason."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sagewright_jumpstart.errors import InputError, TypeUnsupported
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.job import FineTuningJob, unpacked
from sagewright_jumpstart.manifest import Manifest, WeightsMissing
from sagewright_jumpstart.requests import answer, is_verbose

pytest.importorskip("PIL")
pd = pytest.importorskip("pandas")

from PIL import Image  # noqa: E402

from sagewright_jumpstart.decoding import open_picture  # noqa: E402
from sagewright_jumpstart.speech.sound import read_wav  # noqa: E402
from sagewright_jumpstart.tabular.columns import Columns  # noqa: E402
from sagewright_jumpstart.tabular.data import read_request, read_tables  # noqa: E402


def png(width: int, height: int, data: bytes = b"") -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(data)),
        (b"IEND", b""),
    ]
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (png(9000, 9000), "at most 50000000 pixels, not 9000 x 9000"),
        (png(60_000, 60_000), "exceeds limit|at most 50000000 pixels"),  # by the limit of the process, if it has one
        (png(64, 64), "is not a picture"),
        (b"\x89PNG\r\n\x1a\n", "is not a picture"),
        (b"", "is not a picture"),
        (b"<svg/>", "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    ],
    ids=["large", "huge", "cut", "head", "empty", "svg", "postscript"],
)
def test_what_is_no_picture(body: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_picture(body, "the request", 256)


def test_a_picture_is_turned_as_its_camera_was_held() -> None:
    picture, file = Image.new("RGB", (40, 20)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(file, "JPEG", exif=exif)
    assert open_picture(file.getvalue(), "x", 256).size == (20, 40)


def sound(rate: int = 8000, width: int = 2, channels: int = 1, frames: int = 800) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "w") as made:
        made.setnchannels(channels)
        made.setsampwidth(width)
        made.setframerate(rate)
        made.writeframes(bytes(frames * width * channels))
    return file.getvalue()


def test_sound_is_resampled_to_one_channel() -> None:
    assert len(read_wav(sound(8000, 2, 2, 800))) == 1600
    loud = np.full(100, 16384, "<i2").tobytes()
    file = sound(16000, 2, 1, 0)[:-4] + struct.pack("<I", len(loud)) + loud
    assert np.allclose(read_wav(file[:4] + struct.pack("<I", 36 + len(loud)) + file[8:]), 0.5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (sound(rate=1, width=1, frames=9000), "4000 to 192000 Hz, not 8 bits, 1 channels, 1 Hz"),
        (sound(rate=4000, width=1, frames=4000 * 601), "at most 600 seconds and not empty, not 601"),
        (sound(width=3), "8, 16 or 32 bits"),
        (sound(channels=9), "1 to 8 channels"),
        (sound(frames=0), "not empty"),
        (b"RIFF", "not a WAV file"),
    ],
)
def test_sound_beyond_the_limits(body: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_wav(body)


def test_columns_of_numbers_and_categories() -> None:
    features = pd.DataFrame([[1, "red"], [None, "blue"], [3, None]])
    columns = Columns.of(json.loads(json.dumps(Columns.learn(features, [1]).document())))
    made = read_request(columns, "2.5,blue\n,green\n", 10)
    assert np.array_equal(made, [[2.5, 0], [np.nan, np.nan]], equal_nan=True)
    whole = Columns.learn(pd.DataFrame([[1, "1"], [2, "7"]]), [1])
    assert np.array_equal(read_request(whole, "1,7\n1,\n", 10), [[1, 1], [1, np.nan]], equal_nan=True)
    for text, words in (
        ("1\n", "2 columns of features, not 1"),
        ("x,red\n", "row 1, feature 1: a number is expected, not 'x'"),
        ("1e999,red\n", "the number is infinite"),
        ("", "it has no rows"),
        ("1,red\n1,red,2\n", "is not CSV"),
        ("1,red\n" * 11, "at most 10 rows, not 11"),
    ):
        with pytest.raises(InputError, match=words):
            read_request(columns, text, 10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "churn,age,calls\n0,1,2\n1,3,4\n",
            "row 1: the target is an integer .*, not 'churn'; its files have no header$",
        ),
        ("0,1,2\nx,3,4\n", "row 2: the target is an integer .*, not 'x'$"),
        ("x,x,x\n0,3,4\n", "row 1: the target is an integer .*, not 'x'$"),
    ],
)
def test_a_table_with_a_header(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    declared = [
        {"name": "validation_split_ratio", "type": "float", "default": 0.2},
        {"name": "seed", "type": "int", "default": 1},
    ]
    manifest: Any = None
    job = FineTuningJob(tmp_path, None, tmp_path, tmp_path, manifest, Hyperparameters(declared, {}))
    with pytest.raises(InputError, match=words):
        read_tables(job, True)


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        ({"type": "int", "default": 1, "min": 1, "max": 9}, "12", "at least 1 and at most 9, not 12"),
        ({"type": "int", "default": 1}, "1.5", "a whole number, not '1.5'"),
        ({"type": "float", "default": 1.0}, "nan", "a number, not nan"),
        ({"type": "text", "default": "a", "options": ["a", "b"]}, "c", "one of a, b, not 'c'"),
        ({"type": "bool", "default": "True"}, "maybe", "one of True, False, not 'maybe'"),
    ],
)
def test_hyperparameters_keep_to_their_declarations(declared: dict[str, Any], given: str, words: str) -> None:
    with pytest.raises(InputError, match=f"hyperparameter x: {words}"):
        Hyperparameters([{"name": "x", **declared}], {"x": given})


def test_words_for_true_and_false() -> None:
    declared = [{"name": "x", "type": "text", "default": "False", "options": ["True", "False"]}]
    assert [Hyperparameters(declared, {"x": word}).flag("x") for word in ("true", "1", "False", "no")] == [
        True,
        True,
        False,
        False,
    ]


def test_accept_headers() -> None:
    assert is_verbose("application/json;verbose")
    assert not is_verbose("application/json")
    assert answer([1], "text/csv, application/json")[1] == "application/json"
    with pytest.raises(TypeUnsupported) as caught:
        answer([1], "text/csv")
    assert caught.value.status_code == 406


def test_an_earlier_jobs_archive_is_unpacked_within_bounds(tmp_path: Path) -> None:
    def packed(name: str) -> Path:
        folder = tmp_path / name.strip("./").replace("/", "-")
        folder.mkdir()
        with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo(name)
            member.size = 2
            archive.addfile(member, io.BytesIO(b"{}"))
        return folder

    assert (unpacked(packed("config.json")) / "config.json").read_bytes() == b"{}"
    with pytest.raises(InputError, match=r"model\.tar\.gz of channel model"):
        unpacked(packed("../../outside"))


def test_a_job_without_channels_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="channel training: the job has none"):
        FineTuningJob.from_environment({"SM_MODEL_DIR": str(tmp_path)})
    with pytest.raises(InputError, match="train on one instance, not 2"):
        FineTuningJob.from_environment({"SM_HOSTS": '["algo-1", "algo-2"]'})
    with pytest.raises(InputError, match="channel model: the job has none"):
        FineTuningJob.from_environment({"SM_MODEL_DIR": str(tmp_path), "SM_CHANNEL_TRAINING": str(tmp_path)})


def test_weights_are_those_of_the_catalogue(tmp_path: Path) -> None:
    def manifest(**weights: Any) -> Manifest:
        document = {"id": "a", "version": "1", "task": "tc", "weights": {"module": "json", "folder": ".", **weights}}
        (tmp_path / "sagewright-model.json").write_text(json.dumps(document))
        return Manifest.read(tmp_path)

    with pytest.raises(WeightsMissing, match=r"decoder\.py has the sha256"):
        manifest(files={"decoder.py": "0" * 64}).weights_folder(tmp_path)
    with pytest.raises(WeightsMissing, match="the weights nothing are not in"):
        manifest(files={"nothing": ""}).weights_folder(tmp_path)
    with pytest.raises(WeightsMissing, match="the package no_such_module"):
        manifest(module="no_such_module", files={}).weights_folder(tmp_path)
