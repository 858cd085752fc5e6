"""Options of smspark-submit."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.toolkit.spark.errors import InputError, OptionError
from sagewright.toolkit.spark.options import expanded, parse


def test_options_end_where_the_application_begins(tmp_path: Path) -> None:
    (tmp_path / "b.jar").touch()
    (tmp_path / "a.jar").touch()
    (tmp_path / "deeper").mkdir()
    options = parse(
        [
            "--class",
            "x.Y",
            f"--jars={tmp_path},s3://b/c.jar",
            "-v",
            "--local-spark-event-logs-dir",
            "/logs",
            "app.jar",
            "--files",
            "-v",
        ]
    )
    assert options.program == ["app.jar", "--files", "-v"]
    assert options.event_logs == "/logs"
    real = tmp_path.resolve()
    assert options.spark_options() == [
        "--verbose",
        "--class",
        "x.Y",
        "--jars",
        f"{real}/a.jar,{real}/b.jar,s3://b/c.jar",
    ]


def test_event_logs_are_none_of_sparks_options() -> None:
    options = parse(["--spark-event-logs-s3-uri", "s3://b/logs", "app.py"])
    assert options.spark_options() == []
    assert options.event_logs_uri == "s3://b/logs"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument"),
        (["--class", "x"], "Missing argument"),
        (["--class"], "--class requires an argument"),
        (["--conf", "a=b", "app.py"], "No such option: --conf"),
        (["-x", "app.py"], "No such option: -x"),
        (["--classes=x", "app.py"], "No such option: --classes"),
    ],
)
def test_bad_options(words: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        parse(words)
    assert caught.value.message().startswith("Algorithm Error: (caused by UsageError): Couldn't parse input.: ")


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("", "must not be empty"),
        ("a.jar", "must be an absolute path"),
        ("/nowhere/a", "does not exist"),
        ("{empty}", "zero files"),
    ],
)
def test_bad_lists(tmp_path: Path, listed: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        expanded(listed.format(empty=tmp_path))


def test_uris_and_files_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "a b.py"
    file.touch()
    assert expanded(f"s3a://x/y.py,file://{file},{file}") == f"s3a://x/y.py,{file.resolve()},{file.resolve()}"
