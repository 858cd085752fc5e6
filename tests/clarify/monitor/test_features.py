"""Data quality: types, statistics, constraints and the violations of a baseline."""

import json
import math
import random

import pytest

from sagewright.monitor.errors import MonitorError
from sagewright.monitor.features.analysis import analyze
from sagewright.monitor.features.columns import MAX_DISTINCT, FeatureColumn
from sagewright.monitor.features.kll import K, KllSketch, distance
from sagewright.monitor.job import MonitorJob


@pytest.fixture
def job_of(tmp_path):
    def make(files, form, **variables):
        root = tmp_path / f"ml-{len(list(tmp_path.iterdir()))}"
        for name, text in files.items():
            path = root / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        env = {
            "SAGEWRIGHT_ML_ROOT": str(root),
            "dataset_source": "/opt/ml/in",
            "output_path": "/opt/ml/out",
            "dataset_format": json.dumps(form),
        }
        return MonitorJob.read(env | variables)

    return make


def report(job, name):
    return json.loads((job.output / f"{name}.json").read_text())


def column(*values):
    made = FeatureColumn("c")
    for value in values:
        made.add(value)
    return made


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", ""], "Integral"),
        (["1", "2.5"], "Fractional"),
        (["1e3"], "Fractional"),
        (["1", "x"], "String"),
        ([True], "String"),
        ([None, "", "NaN", math.nan], "Unknown"),
        ([math.inf], "String"),
        ([10**400], "String"),
        (["9" * 301], "Fractional"),
        (["9" * 400], "String"),
        ([1, 2.0], "Fractional"),
    ],
)
def test_the_narrowest_type_of_all_values(values, expected):
    assert column(*values).type == expected


def test_completeness_and_shares_of_types():
    made = column("1", "2.5", "", "x")
    assert (made.present, made.missing, made.completeness) == (3, 1, 0.75)
    assert made.share_of("Integral") == pytest.approx(1 / 3)
    assert made.share_of("Fractional") == pytest.approx(2 / 3)
    assert made.share_of("String") == 1.0


def test_many_distinct_values_are_estimated_and_not_kept():
    made = column(*(f"value-{number}" for number in range(50_000)))
    assert made.counts is None
    assert made.distinct == pytest.approx(50_000, rel=0.1)
    assert column(*map(str, range(MAX_DISTINCT))).distinct == MAX_DISTINCT


def test_a_sketch_is_close_to_the_data_and_small():
    drawn, sketch = random.Random(1), KllSketch()
    for _ in range(200_000):
        sketch.add(drawn.gauss(0, 1))
    assert sketch.count == pytest.approx(200_000, rel=0.01)
    assert sum(map(len, sketch.document()["data"])) < 4 * K
    for point, share in ((-1.0, 0.1587), (0.0, 0.5), (1.96, 0.975)):
        assert sketch.shares([point])[0] == pytest.approx(share, abs=0.01)
    again = KllSketch.read(json.loads(json.dumps(sketch.document())))
    assert distance(sketch, again, robust=False) == 0.0


def test_distance_is_that_of_kolmogorov_and_smirnov():
    from scipy.stats import ks_2samp

    drawn = random.Random(2)
    one, other = [drawn.gauss(0, 1) for _ in range(900)], [drawn.gauss(0.5, 1) for _ in range(700)]
    sketches = [KllSketch(), KllSketch()]
    for sketch, values in zip(sketches, (one, other), strict=True):
        for value in values:
            sketch.add(value)
    exact = ks_2samp(one, other).statistic
    assert distance(*sketches, robust=False) == pytest.approx(exact)
    assert distance(*sketches, robust=True) == pytest.approx(exact - 1.8 * math.sqrt(1600 / 630_000))


ROWS = [(number % 7, number / 3, "ab"[number % 2]) for number in range(60)]
CSV = "n,f,s\n" + "".join(f"{n},{f},{s}\n" for n, f, s in ROWS)


def test_a_baseline_has_statistics_and_constraints(job_of):
    job = job_of({"data.csv": CSV}, {"csv": {"header": True, "output_columns_position": "START"}})
    assert analyze(job) == "Completed: Job completed successfully with no violations."
    statistics, constraints = report(job, "statistics"), report(job, "constraints")
    assert statistics["dataset"]["item_count"] == 60
    n, f, s = statistics["features"]
    numbers = n["numerical_statistics"]
    assert (n["inferred_type"], numbers["min"], numbers["max"], numbers["sum"]) == (
        "Integral",
        0,
        6,
        sum(r[0] for r in ROWS),
    )
    assert numbers["common"] == {"num_present": 60, "num_missing": 0}
    assert len(numbers["distribution"]["kll"]["buckets"]) == 10
    assert sum(one["count"] for one in numbers["distribution"]["kll"]["buckets"]) == 60
    assert f["inferred_type"] == "Fractional"
    assert s["string_statistics"]["distribution"]["categorical"]["buckets"][0] == {"value": "a", "count": 30}
    assert [one["completeness"] for one in constraints["features"]] == [1.0] * 3
    assert constraints["features"][0]["num_constraints"] == {"is_non_negative": True}
    assert constraints["features"][2]["string_constraints"] == {"domains": ["a", "b"]}
    assert constraints["monitoring_config"]["distribution_constraints"]["comparison_threshold"] == 0.1


def baseline(job_of, **variables):
    job = job_of({"data.csv": CSV}, {"csv": {"header": True}}, **variables)
    analyze(job)
    return {
        "baseline_constraints": str(job.output / "constraints.json"),
        "baseline_statistics": str(job.output / "statistics.json"),
    }


def checks(job):
    found = report(job, "constraint_violations")["violations"]
    return sorted((one["feature_name"], one["constraint_check_type"]) for one in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CSV, []),
        (CSV.replace("0,0.0,a", "x,0.0,a"), [("n", "data_type_check")]),
        (CSV.replace("0,0.0,a", ",0.0,a"), [("n", "completeness_check")]),
        (CSV.replace("0,0.0,a", "0,0.0,z"), [("s", "categorical_values_check")]),
        (CSV.replace("n,f,s", "n,f,t"), [("s", "missing_column_check"), ("t", "extra_column_check")]),
        (
            "n,f,s\n" + "".join(f"{n},{f + 100},{s}\n" for n, f, s in ROWS),
            [("f", "baseline_drift_check")],
        ),
        ("n,f,s\n" + "".join(f"{n},{f},a\n" for n, f, _s in ROWS), [("s", "baseline_drift_check")]),
    ],
)
def test_each_constraint_is_checked(job_of, text, expected):
    job = job_of({"data.csv": text}, {"csv": {"header": True}}, **baseline(job_of))
    message = analyze(job)
    assert checks(job) == expected
    assert message.startswith("CompletedWithViolations: " if expected else "Completed: ")


def test_chi_squared_compares_categories_when_asked(job_of):
    known = baseline(job_of, categorical_drift_method="ChiSquared")
    text = "n,f,s\n" + "".join(f"{n},{f},{'a' if at % 5 else 'b'}\n" for at, (n, f, _s) in enumerate(ROWS))
    job = job_of({"data.csv": text}, {"csv": {"header": True}}, **known)
    analyze(job)
    (violation,) = report(job, "constraint_violations")["violations"]
    assert "p-value" in violation["description"]


def record(features, prediction, kind="text/csv", **more):
    part = {"observedContentType": kind, "encoding": "CSV"}
    captured = {"endpointInput": part | {"data": features}, "endpointOutput": part | {"data": prediction}}
    return json.dumps({"captureData": captured, "eventMetadata": {"eventId": "e"}, **more})


CAPTURED = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}


def test_captured_csv_gets_the_names_of_the_baseline_with_predictions_first(job_of):
    lines = "\n".join(record(f"{f},{s}", str(n)) for n, f, s in ROWS)
    job = job_of({"e/all/2026/03/10/11/a.jsonl": lines}, CAPTURED, **baseline(job_of))
    analyze(job)
    assert checks(job) == []
    assert [one["name"] for one in report(job, "statistics")["features"]] == ["n", "f", "s"]


def test_hours_outside_of_the_window_are_skipped(job_of):
    files = {f"e/all/2026/03/10/{hour}/a.jsonl": record("1", "2") for hour in ("09", "10", "11", "12")}
    window = {"start_time": "2026-03-10T10:00:00Z", "end_time": "2026-03-10T12:00:00Z"}
    job = job_of(files, CAPTURED, **window)
    analyze(job)
    assert report(job, "statistics")["dataset"]["item_count"] == 2


SCRIPT = """
def preprocess_handler(inference_record):
    value = inference_record.endpoint_input.data
    if value == "skip":
        return []
    return {"x": int(value), "attribute": inference_record.event_metadata.custom_attribute("k")}
"""


def test_scripts_of_the_user_run_before_and_after(job_of, tmp_path):
    (tmp_path / "pre.py").write_text(SCRIPT)
    (tmp_path / "post.py").write_text(
        f"import pathlib\ndef postprocess_handler():\n    pathlib.Path({str(tmp_path / 'said')!r}).write_text('x')\n"
    )
    metadata = {"eventMetadata": {"eventId": "e", "customAttributes": ["k=v"]}}
    lines = "\n".join(record(one, "0", **metadata) for one in ("1", "skip", "3"))
    variables = {
        "record_preprocessor_script": str(tmp_path / "pre.py"),
        "post_analytics_processor_script": str(tmp_path / "post.py"),
    }
    job = job_of({"a.jsonl": lines}, CAPTURED, **variables)
    analyze(job)
    x, attribute = report(job, "statistics")["features"]
    assert (x["name"], x["numerical_statistics"]["sum"]) == ("x", 4)
    assert attribute["string_statistics"]["distribution"]["categorical"]["buckets"] == [{"value": "v", "count": 2}]
    assert (tmp_path / "said").exists()


def test_metrics_are_written_for_a_schedule(job_of):
    variables = {
        "publish_cloudwatch_metrics": "Enabled", "sagemaker_endpoint_name": "e",
        "sagemaker_monitoring_schedule_name": "s", "metric_time": "2026-03-10T11:00:00Z",
    }  # fmt: skip
    job = job_of({"data.csv": CSV}, {"csv": {"header": True}}, **variables, **baseline(job_of))
    analyze(job)
    text = (job.root / "output/metrics/cloudwatch/cloudwatch_metrics.jsonl").read_text()
    metrics = {one["MetricName"]: one for one in map(json.loads, text.splitlines())}
    assert metrics["feature_data_n"]["StatisticValues"]["SampleCount"] == 60
    assert metrics["feature_non_null_s"]["Value"] == 1.0
    assert metrics["feature_baseline_drift_f"]["Value"] == 0.0
    assert {one["Timestamp"] for one in metrics.values()} == {"2026-03-10T11:00:00Z"}
    assert metrics["feature_data_n"]["Dimensions"] == [
        {"Name": "Endpoint", "Value": "e"},
        {"Name": "MonitoringSchedule", "Value": "s"},
    ]


@pytest.mark.parametrize(
    ("files", "form", "variables", "text"),
    [
        ({}, {"csv": {}}, {}, "no data"),
        ({"a": "1,2\n3\n"}, {"csv": {"header": "false"}}, {}, "Line 2 of a has 1 columns, the first line has 2"),
        ({"a": "{"}, {"json": {"lines": True}}, {}, "line 1 of a is not valid JSON"),
        ({"a": "[" * 100_000}, {"json": {}}, {}, "a is not valid JSON"),
        ({"a": "x"}, {"parquet": {}}, {}, "not valid Parquet"),
        ({"a": "x"}, {"orc": {}}, {}, "dataset_format orc is unknown"),
        ({"a": "x"}, ["csv"], {}, "must be a JSON object with one format"),
        ({"a": "{}"}, CAPTURED, {}, "has no captureData"),
        ({"a": record("1", "2") .replace('"1"', "1")}, CAPTURED, {}, "captured no data"),
        ({"a": record("1\n2\n3", "2\n3")}, CAPTURED, {}, "has 2 rows, the other part has 3"),
        ({"a": record("{", "1", "application/json")}, CAPTURED, {}, "not valid JSON"),
        ({"a": "1\n"}, {"csv": {}}, {"baseline_constraints": "/nonexistent"}, "missing, or is not valid JSON"),
        ({"a": "1\n"}, CAPTURED, {"record_preprocessor_script": "/nonexistent.py"}, "cannot be imported"),
    ],
)  # fmt: skip
def test_what_cannot_be_analyzed_is_named(job_of, files, form, variables, text):
    with pytest.raises(MonitorError, match=text):
        analyze(job_of(files, form, **variables))


def test_a_hand_written_baseline_need_not_be_complete(job_of, tmp_path):
    constraints = {
        "features": [{"name": "n"}, {"name": "f", "inferred_type": 5, "completeness": "x"}, 3, {}],
        "monitoring_config": 4,
    }
    (tmp_path / "c.json").write_text(json.dumps(constraints))
    statistics = {
        "features": [{"name": "n", "numerical_statistics": {"distribution": {"kll": {"sketch": {"data": [["x"]]}}}}}]
    }
    (tmp_path / "s.json").write_text(json.dumps(statistics))
    known = {"baseline_constraints": str(tmp_path / "c.json"), "baseline_statistics": str(tmp_path / "s.json")}
    job = job_of({"data.csv": CSV}, {"csv": {"header": True}}, **known)
    analyze(job)
    assert checks(job) == [("s", "extra_column_check")]
