"""Sources, destinations and the job's program, without a server."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flowfiles import engine, flow, node, source, tool

from sagewright.wrangler import flows
from sagewright.wrangler.destinations import output_of, write
from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.flows import Flow
from sagewright.wrangler.job.run import main
from sagewright.wrangler.job.settings import read
from sagewright.wrangler.packed import PackedError, unpacked
from sagewright.wrangler.requests import FlowJob, FlowOutput, processing_request


def loaded(folder: Path, content: str = "csv", **context: Any) -> pl.DataFrame:
    return engine(folder).run(flow(source("s", content, **context)), "s")["default"].collect()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "s" / "inner").mkdir(parents=True)
    return tmp_path


def test_csv_of_many_kinds(place: Path) -> None:
    file = place / "s" / "a.csv"
    file.write_bytes("x;y\nä;2\n".encode("utf-16"))
    assert loaded(place, s3FieldDelimiter=";", s3CsvEncodingType="UTF_16").rows() == [("ä", "2")]
    file.write_bytes("x,y\nä,2\n".encode("iso-8859-1"))
    assert loaded(place, s3CsvEncodingType="ISO_8859_1").rows() == [("ä", "2")]
    file.write_bytes(gzip.compress(b"x,y\n1,2\n"))
    assert loaded(place).rows() == [("1", "2")]
    file.write_bytes(b"made by a tool\n\nx\ty\n1\t2\n3\n4\t5\t6\n")
    assert loaded(place, s3SkipLines=2, s3FieldDelimiter="\t").rows() == [("1", "2"), ("3", None), ("4", "5")]
    file.write_bytes(b"1,2\n3,4\n")
    assert loaded(place, s3HasHeader=False).columns == ["_c0", "_c1"]
    (place / "s" / "inner" / "b.csv").write_bytes(b"5,6\n")
    assert len(loaded(place, s3HasHeader=False)) == 2
    assert loaded(place, s3HasHeader=False, s3DirIncludesNested=True)["_c0"].to_list() == ["1", "3", "5"]


def test_other_formats(place: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    folder = place / "s"
    frame.write_parquet(folder / "a")
    assert loaded(place, "parquet").equals(frame)
    frame.write_ndjson(folder / "a")
    assert loaded(place, "jsonl").equals(frame)
    (folder / "a").write_text('[{"a": 1, "b": "x"}, {"a": 2}]')
    assert loaded(place, "json").rows() == frame.rows()
    from pyarrow import orc

    orc.write_table(frame.to_arrow(), str(folder / "a"))
    assert loaded(place, "orc").rows() == frame.rows()


def test_files_that_lie(place: Path) -> None:
    file = place / "s" / "a.csv"
    cases: list[tuple[bytes, str, dict[str, Any], str]] = [
        (b"PK\x03\x04rest", "csv", {}, "a ZIP archive, which is not read"),
        (gzip.compress(b"x" * 100)[:-9], "csv", {}, "is damaged"),
        (b"no parquet", "parquet", {}, "(?i)parquet|magic|out of specification|file"),
        (b"no orc", "orc", {}, "(?i)orc"),
        (b"{broken", "jsonl", {}, "."),
        (b"", "csv", {}, "has no file with data"),
        (b"a,b\n1,2\n", "csv", {"s3FieldDelimiter": "||"}, "one character of ASCII"),
        (b"a,b\n1,2\n", "csv", {"s3CsvEncodingType": "EBCDIC"}, "EBCDIC' is not one of"),
        (b"a,b\n1,2\n", "avro", {}, "The format 'avro' is not one of"),
    ]
    for content, kind, context, text in cases:
        file.write_bytes(content)
        with pytest.raises((StepError, pl.exceptions.PolarsError), match=text):
            loaded(place, kind, **context)
    file.write_bytes(b"a,b\n1,2\n")
    (place / "s" / "b.csv").write_bytes(b"b,a\n1,2\n")
    with pytest.raises(StepError, match=r"b\.csv has other columns than a\.csv"):
        loaded(place)
    (place / "s" / "b.csv").unlink()
    file.write_text(",".join(f"c{number}" for number in range(30_000)) + "\n" + ",".join("1" * 30_000) + "\n")
    with pytest.raises(StepError, match="30,000 columns, more than 20,000"):
        engine(place).run(flow(source("s"), node("infer_and_cast_type", {}, "s", node_id="t")), "t")


def test_what_expands_too_far_is_not_read(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv"
    bomb.write_bytes(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(PackedError, match="expands to more than 1,000,000 bytes"):
        unpacked(bomb, tmp_path / "out", 1_000_000)
    assert (tmp_path / "out").stat().st_size <= 2_000_000


def written(tmp_path: Path, config: dict[str, Any], frame: pl.DataFrame) -> dict[str, bytes]:
    one = node("s3_destination", {"output_config": config}, kind="DESTINATION")
    write(one, frame.lazy(), output_of(one), tmp_path / "out")
    return {
        str(file.relative_to(tmp_path / "out")): file.read_bytes()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }


def test_destinations(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, 2, 3], "k": ["a", "../up", None], "v": [[1.0], [], None], "b": [True, None, False]})
    files = written(
        tmp_path / "1", {"delimiter": ";", "partition_config": {"num_partitions": 2, "has_headers": False}}, frame
    )
    assert files["part-00000.csv"] == b"1;a;[1.0];true\n"
    assert json.loads(files["manifest/data_wrangler_output.manifest"]) == ["part-00000.csv", "part-00001.csv"]
    files = written(
        tmp_path / "2",
        {"output_content_type": "PARQUET", "compression": "snappy", "partition_config": {"partition_by": ["k"]}},
        frame,
    )
    assert sorted(files)[:3] == ["k=..%2Fup/part-00000.snappy.parquet", "k=__HIVE_DEFAULT_PARTITION__/part-00000.snappy.parquet", "k=a/part-00000.snappy.parquet"]  # fmt: skip
    files = written(tmp_path / "3", {"compression": "gzip"}, frame)
    assert gzip.decompress(files["part-00000.csv.gz"]).startswith(b"n,k,v,b\n")
    for config, text in [
        ({"compression": "bzip2"}, "bzip2 is not supported for CSV"),
        ({"partition_config": {"num_partitions": 10_000}}, "from 1 to 9999"),
        ({"partition_config": {"partition_by": ["q"]}}, "no column 'q' to partition by"),
    ]:
        with pytest.raises(StepError, match=text):
            written(tmp_path / "4", config, frame)
    assert not list((tmp_path / "4").iterdir()), "nothing is left of an output that failed"


def job(root: Path, steps: Flow, outputs: dict[str, str], **described: Any) -> Path:
    """Writes the files of a job and returns its root."""
    for name in ("config", "processing/flow", "processing/s"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "processing/flow/x.flow").write_text(steps.text())
    (root / "processing/s/a.csv").write_text("n,k\n" + "".join(f"{number},k{number % 3}\n" for number in range(100)))
    listed = [
        {"OutputName": name, "S3Output": {"LocalPath": path, "S3Uri": "s3://b/o"}} for name, path in outputs.items()
    ]
    hosts = described.pop("hosts", ["algo-1"])
    document = {"ProcessingOutputConfig": {"Outputs": listed}, **described}
    (root / "config/processingjobconfig.json").write_text(json.dumps(document))
    (root / "config/resourceconfig.json").write_text(json.dumps({"current_host": hosts[0], "hosts": sorted(hosts)}))
    return root


def ran(root: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("SAGEWRIGHT_ML_ROOT", str(root))
    code = main(arguments)
    message = root / "output" / "message"
    return code, message.read_text() if message.exists() else ""


def scaled() -> Flow:
    values = {"scaler": "Min-max scaler", "min_max_scaler_parameters": {"input_column": ["n"]}}
    return flow(source("s"), node("infer_and_cast_type", {}, "s", node_id="t"), tool("process_numeric", "Scale values", "scale_values_parameters", values, "t"))  # fmt: skip


SHARDED = [
    {
        "InputName": "s",
        "S3Input": {
            "S3Uri": "s3://b/s/",
            "LocalPath": "/opt/ml/processing/s",
            "S3DataDistributionType": "ShardedByS3Key",
        },
    }
]


def test_several_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = scaled()
    out = {f"{steps.nodes[-1].node_id}.default": "/opt/ml/processing/output"}
    code, message = ran(
        job(tmp_path / "a", steps, out, hosts=["algo-2", "algo-1"], ProcessingInputs=SHARDED), monkeypatch
    )
    assert code == 1 and "fit the flow with one host first" in message
    one = job(tmp_path / "b", steps, out)
    assert ran(one, monkeypatch, "--refit-trained-params", '{"refit": true, "output_flow": "fitted.flow"}')[0] == 0
    fitted = flows.read((one / "processing/output/fitted.flow").read_bytes())
    two = job(tmp_path / "c", fitted, out, hosts=["algo-2", "algo-1"], ProcessingInputs=SHARDED)
    assert ran(two, monkeypatch)[0] == 0
    assert (two / "processing/output/part-algo-2-00000.csv").read_text() == (
        one / "processing/output/part-00000.csv"
    ).read_text()
    follower = job(tmp_path / "d", fitted, out, hosts=["algo-2", "algo-1"])
    assert ran(follower, monkeypatch)[0] == 0
    assert not (follower / "processing/output").exists()


def test_reports_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"insights_report_parameters": {"target_column": "k", "problem_type": "Classification"}, "full_data": True}
    steps = flow(
        source("s"),
        node("infer_and_cast_type", {}, "s", node_id="t"),
        node("sagemaker.visualizations.data_insights_report_0.1", values, "t", kind="VISUALIZATION", node_id="r"),
        node("sagemaker.visualizations.histogram_0.1", {"x_axis": "k"}, "s", kind="VISUALIZATION", node_id="h"),
    )
    root = job(tmp_path, steps, {"r.default": "/opt/ml/processing/output", "h.default": "/opt/ml/processing/chart"})
    assert ran(root, monkeypatch) == (0, "Completed: the flow ran")
    report = json.loads((root / "processing/output/report.json").read_text())
    assert report["target"] == "k" and report["quick_model"]["metric"] == "accuracy"
    assert json.loads((root / "processing/chart/report.json").read_text())["kind"] == "histogram"


def test_a_chart_with_an_infinity_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = {"code": "chart = alt.Chart(df).mark_point()"}
    steps = flow(
        source("s"),
        node("custom_formula", {"formula": "CAST('inf' AS DOUBLE)", "output_column": "o"}, "s", node_id="o"),
        node("sagemaker.visualizations.custom_visualization_0.1", draw, "o", kind="VISUALIZATION", node_id="c"),
    )
    root = job(tmp_path, steps, {"c.default": "/opt/ml/processing/output"})
    assert ran(root, monkeypatch)[0] == 0
    rows = json.loads((root / "processing/output/report.json").read_text())["rows"]
    assert rows[1] == ["1", "k1", None]


def test_inputs_of_a_request_are_found_by_their_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources of one name, and one whose name is not that of an input, each read their own data."""
    sources = [replace(source(name), node_id=str(number)) for number, name in enumerate(("s", "s", "s t", "output"))]
    ends = tuple(FlowOutput(one.node_id, f"s3://b/{one.node_id}/") for one in sources)
    request = processing_request(Flow(tuple(sources)), FlowJob("j", "r", "s3://b/f.flow", ends))
    outputs = {one["OutputName"]: one["S3Output"]["LocalPath"] for one in request["ProcessingOutputConfig"]["Outputs"]}
    root = job(tmp_path, Flow(tuple(sources)), outputs, ProcessingInputs=request["ProcessingInputs"])
    for number, one in enumerate(request["ProcessingInputs"][1:]):
        folder = root / one["S3Input"]["LocalPath"].removeprefix("/opt/ml/")
        folder.mkdir(exist_ok=True)
        (folder / "a.csv").write_text(f"n\n{number}\n")
    assert ran(root, monkeypatch) == (0, "Completed: the flow ran")
    places = [root / path.removeprefix("/opt/ml/") / "part-00000.csv" for path in outputs.values()]
    assert [one.read_text() for one in places] == [f"n\n{number}\n" for number in range(4)]


def test_outputs_appear_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = node(
        "custom_udf",
        {"input_column": "k", "code": "def custom_func(value):\n    return 1 / (value != 'k2')"},
        "s",
        node_id="u",
    )
    root = job(
        tmp_path,
        flow(source("s"), late),
        {"s.default": "/opt/ml/processing/output", "u.default": "/opt/ml/processing/two"},
    )
    code, message = ran(root, monkeypatch)
    assert code == 1 and "(node u), row 3: custom_func('k2') failed: ZeroDivisionError" in message
    assert "(s3://bucket/s/a.csv, line 4)" in message
    left = sorted(one.name for one in (root / "processing").iterdir())
    assert left == ["flow", "s"]


def test_arguments() -> None:
    one = read(["--output-config '{\"a.b\": {}}'", "--refit-trained-params={}"], {})
    assert dict(one.config) == {"a.b": {}} and not one.refit
    for arguments, text in [
        (["--output-config"], "has no value"),
        (["--output-config", "[1]"], "has to be an object"),
        (["--output-config", '{"a": 1}'], "'a' has to be an object"),
        (["--refit-trained-params", '{"output_flow": "../x"}'], "the name of a file"),
        (["--output-config '{"], "can't be read"),
    ]:
        with pytest.raises(FlowError, match=text):
            read(arguments, {})


def test_two_outputs_of_one_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job(tmp_path, flow(source("s")), {"s.default": "/opt/ml/processing/output", "s.other": "/opt/ml/processing/output"})
    with pytest.raises(FlowError, match="have the same LocalPath"):
        read([], {"SAGEWRIGHT_ML_ROOT": str(tmp_path)})
