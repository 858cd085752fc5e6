"""Formulas, queries, code of users and images."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from flowfiles import applied, engine, flow, node, source, tool
from PIL import Image
from tables import drawn

from sagewright.wrangler.errors import StepError

FRAME = pl.DataFrame({"a": [1, 2, None], "b": ["x", "y", "z"], "c d": [1.5, 2.5, 3.5]})


def formula(text: str, frame: pl.DataFrame = FRAME) -> list[object]:
    return applied(node("custom_formula", {"formula": text, "output_column": "out"}), frame)["out"].to_list()


def test_formulas_of_spark() -> None:
    assert formula("a / 2") == [0.5, 1.0, None]
    assert formula("coalesce(a, 0) + `c d`") == [2.5, 4.5, 3.5]
    assert formula("CASE WHEN a > 1 THEN upper(b) ELSE concat(b, '!') END") == ["x!", "Y", "z!"]
    assert formula("if(a IS NULL, 'none', cast(a AS string))") == ["1", "2", "none"]
    assert formula("round(`c d`) * 2")[0] == 4
    replaced = applied(node("custom_formula", {"formula": "a * 2", "output_column": "a"}), FRAME)
    assert replaced["a"].to_list() == [2, 4, None] and set(replaced.columns) == {"a", "b", "c d"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a; DROP TABLE df", "one statement"),
        ("a FROM df", "one expression"),
        ("a +", "can't be read"),
        ("missing + 1", "missing"),
        ("read_text('/etc/passwd')", "read_text"),
        ("(SELECT count(*) FROM read_csv('/etc/passwd'))", "disabled"),
    ],
)
def test_formulas_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises((StepError, pl.exceptions.PolarsError), match=f"(?i){reason}"):
        formula(text)


def test_a_formula_that_fails_on_one_row_names_it(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "one.csv").write_text("n\n" + "0\n" * 500 + "7\n1\n")
    steps = flow(
        source("s"),
        node(
            "custom_formula",
            {"formula": "cast(n AS bigint) * 9223372036854775807", "output_column": "m"},
            "s",
            node_id="f",
        ),
    )
    for scratch in (None, tmp_path):
        with pytest.raises(StepError) as caught:
            engine(tmp_path, spilling=scratch).run(steps, "f")
        assert caught.value.row == 500
        assert caught.value.source == "one.csv, line 502"
        assert "Overflow" in caught.value.reason


def test_queries(tmp_path: Path) -> None:
    query = "SELECT kind, count(*) AS n FROM df GROUP BY kind ORDER BY n DESC"
    found = applied(node("custom_pyspark_sql", {"code": query}), drawn())
    assert found["kind"].to_list() == ["a", "b", "c"]
    with_files = applied(node("custom_pyspark_sql", {"code": query}), drawn(), spilling=tmp_path)
    assert with_files.equals(found)
    for code in ("DELETE FROM df", "COPY df TO '/tmp/x'", "SELECT * FROM '/etc/passwd'", "SET x = 1"):
        with pytest.raises((StepError, pl.exceptions.PolarsError)):
            applied(node("custom_pyspark_sql", {"code": code}), drawn(5), spilling=tmp_path)


def test_pandas() -> None:
    code = "import pandas as pd\ndf = df.assign(twice=df['a'] * 2, mixed=[1, 'x', None])\nprint('seen')"
    found = applied(node("custom_pandas", {"code": code}), FRAME)
    assert found["twice"].to_list() == [2.0, 4.0, None]
    assert found["mixed"].to_list() == ["1", "x", None]
    named = {
        "name": "mine",
        "operator": "Python (Pandas)",
        "pandas_parameters": {"code": code},
        "pyspark_parameters": {"code": "x"},
    }
    assert applied(node("custom_code", named), FRAME).equals(found)
    with pytest.raises(StepError, match="failed in line 2: ZeroDivisionError: division by zero"):
        applied(node("custom_pandas", {"code": "x = 1\n1 / 0"}), FRAME)
    with pytest.raises(StepError, match="line 1"):
        applied(node("custom_pandas", {"code": "df = ("}), FRAME)
    with pytest.raises(StepError, match="must be a DataFrame, but it is of the type int"):
        applied(node("custom_pandas", {"code": "df = 3"}), FRAME)
    with pytest.raises(StepError, match="SystemExit"):
        applied(node("custom_pandas", {"code": "raise SystemExit(3)"}), FRAME)


def test_pyspark_without_spark_says_what_helps() -> None:
    with pytest.raises(StepError, match="SAGEWRIGHT_WRANGLER_PYSPARK=1"):
        applied(node("custom_pyspark", {"code": "df = df"}), FRAME)


def test_functions_of_values(tmp_path: Path) -> None:
    code = "def custom_func(value):\n    return int(value) + 1"
    step = node(
        "custom_udf", {"input_column": "n", "return_type": "Long", "code": code, "output_column": "m"}, "s", node_id="u"
    )
    assert applied(step, pl.DataFrame({"n": ["1", "2"]}))["m"].to_list() == [2, 3]
    series = "def custom_func(series):\n    return series.astype(int) * 2"
    wide = node("custom_udf", {"input_column": "n", "mode": "pandas", "return_type": "Long", "code": series})
    assert applied(wide, pl.DataFrame({"n": ["1", "2"]}))["n"].to_list() == [2, 4]
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "one.csv").write_text("n\n" + "1\n" * 300 + "oops\n1\n")
    steps, runner = flow(source("s"), step), engine(tmp_path)
    with pytest.raises(StepError) as caught, runner.explaining(steps, "u"):
        runner.run(steps, "u")["default"].collect()
    assert caught.value.row == 300
    assert "custom_func('oops') failed: ValueError" in caught.value.reason


def test_images(tmp_path: Path) -> None:
    place = tmp_path / "pictures" / "inner"
    place.mkdir(parents=True)
    Image.new("RGB", (20, 10), "red").save(place / "a.png")
    steps = flow(
        source("pictures", "image", s3DirIncludesNested=True, s3AddsFilenameColumn=True),
        tool("transform_images", "Resize image", "resize_image_parameters", {"input_column": "image", "width": 5, "height": 4}, "pictures"),
    )  # fmt: skip
    found = engine(tmp_path).run(steps, steps.nodes[-1].node_id)["default"].collect()
    assert Image.open(io.BytesIO(found["image"][0])).size == (5, 4)
    assert found["_data_source_filename"].to_list() == ["a.png"]
    broken = pl.DataFrame({"image": [b"no image"]})
    for title in ("Blur image", "Rotate image", "Flip image", "Convert to grayscale", "Change contrast"):
        step = tool(
            "transform_images", title, title.lower().replace(" ", "_") + "_parameters", {"input_column": "image"}
        )
        assert applied(step, found.select("image"))["image"][0].startswith(b"\x89PNG")
        with pytest.raises(pl.exceptions.PolarsError, match="not an image"):
            applied(step, broken)


@pytest.mark.parametrize("formula", ["x WHERE x > 1", "x LIMIT 1", "DISTINCT x", "x ORDER BY x", "x FROM df"])
def test_a_formula_with_a_clause_is_refused(formula: str) -> None:
    with pytest.raises(StepError, match="one expression"):
        applied(node("custom_formula", {"formula": formula, "output_column": "o"}), pl.DataFrame({"x": [1, 2]}))
