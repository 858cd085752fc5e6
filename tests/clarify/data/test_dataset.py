"""Data sets of all formats as tables with roles."""

import gzip
import json

import pandas as pd
import pytest

from sagewright.clarify.configuration.analysis import read
from sagewright.clarify.data import dataset as datasets
from sagewright.clarify.data.files import file_name
from sagewright.clarify.errors import CustomerError

HEADERS = ["Target", "Age", "Gender"]
ROWS = [[1, 39.5, "f"], [0, 50.0, "m"], [1, 38.25, "f"]]


def config(**members):
    methods = {"pre_training_bias": {"methods": "all"}}
    base = {"dataset_type": "text/csv", "label": "Target", "facet": [{"name_or_index": "Gender"}], "methods": methods}
    return read(base | members)


def load(folder, **members):
    made = config(**members)
    return datasets.load(made, datasets.find(made, folder))


def csv_text(header):
    lines = [",".join(map(str, row)) for row in ROWS]
    return "\n".join([",".join(HEADERS), *lines] if header else lines) + "\n"


def check(found):
    assert list(found.table["Age"]) == [39.5, 50.0, 38.25]
    assert list(found.table["Gender"]) == ["f", "m", "f"]
    assert found.label == "Target"
    assert found.features == ("Age", "Gender")


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_csv_with_and_without_headers(tmp_path, header, named):
    (tmp_path / "a.csv").write_text(csv_text(header))
    if not named and not header:  # columns are column_0 …
        found = load(tmp_path, label=0, facet=[{"name_or_index": "column_2"}])
        assert found.features == ("column_1", "column_2")
        assert found.label == "column_0"
        return
    check(load(tmp_path, **({"headers": HEADERS} if named else {})))


def test_several_files_and_gzip(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.csv").write_text("1,39.5,f\n0,50.0,m\n")
    (tmp_path / "deep" / "b.csv.gz").write_bytes(gzip.compress(b"1,38.25,f\n"))
    (tmp_path / "_SUCCESS").write_text("")
    check(load(tmp_path, headers=HEADERS))


def test_parquet(tmp_path):
    pd.DataFrame(ROWS, columns=HEADERS).to_parquet(tmp_path / "a.parquet")
    check(load(tmp_path, dataset_type="application/x-parquet"))


def test_parquet_with_lists_is_refused(tmp_path):
    pd.DataFrame({"Target": [1], "Gender": [["f"]]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(CustomerError, match=r"'Gender'.*list"):
        load(tmp_path, dataset_type="application/x-parquet")


def test_json_lines(tmp_path):
    lines = [json.dumps({"x": row[1:], "y": row[0]}) for row in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n\n")
    found = load(
        tmp_path, dataset_type="application/jsonlines", headers=["Age", "Gender", "Target"], features="x", label="y"
    )
    check(found)


def test_json_without_headers(tmp_path):
    document = {"instances": [{"x": row[1:], "y": row[0]} for row in ROWS]}
    (tmp_path / "a.json").write_text(json.dumps(document))
    found = load(tmp_path, dataset_type="application/json", features="instances[*].x", label="instances[*].y")
    assert list(found.table.columns) == ["column_0", "column_1", "label"]
    assert found.label == "label"


@pytest.mark.parametrize(
    ("text", "members", "message"),
    [
        ("1,2\n", {"headers": HEADERS}, "Headers in config do not match with the number of columns in the dataset."),
        ("a,a\n1,2\n", {}, "The column name 'a' occurs more than once|there is no column"),
        ('1,"2\n', {"headers": ["Target", "Gender"]}, "is not valid CSV"),
        ("\x00\xff", {"headers": HEADERS}, "Headers in config do not match|not valid CSV"),
        (csv_text(True), {"label": "Nothing"}, "Headers must contain label."),
        (csv_text(True), {"excluded_columns": [7]}, "there is no column 7; the data set has 3 columns"),
        (csv_text(True), {"excluded_columns": ["Age", "Gender"]}, "Data must contain features."),
        (csv_text(True).splitlines()[0] + "\n", {"headers": HEADERS}, "has no rows"),
    ],
)
def test_bad_csv_is_explained(tmp_path, text, members, message):
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(CustomerError, match=message):
        load(tmp_path, **members)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"x": 1, "y": 0}', "Data must contain features."),
        ('{"x": [1], "y": 0}\n{"x": [1, 2], "y": 0}', "Record 2 has 3 values, the first has 2"),
        ('{"x": [[1]], "y": 0}', "nested value"),
        ("[" * 100_000, "not valid JSON"),
        ("{", "Line 1 of a.jsonl is not valid JSON"),
    ],
)
def test_bad_json_lines_are_explained(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(CustomerError, match=message):
        load(tmp_path, dataset_type="application/jsonlines", features="x", label="y")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a/b/left.jpg", "left.jpg"),
        ("../..", "object"),
        ("a/..", "object"),
        ("x\0y\n.csv", "x_y_.csv"),
        ("é" * 300 + ".csv.gz", "_" * 93 + ".csv.gz"),
        ("", "object"),
    ],
)
def test_a_key_is_no_path(key, name):
    assert file_name(key) == name


def test_no_files(tmp_path):
    with pytest.raises(CustomerError, match="has no files"):
        load(tmp_path)


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(csv_text(True))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").symlink_to(secret)
    with pytest.raises(CustomerError, match="has no files"):
        load(folder)
