"""Texts, times and series against Python and pandas."""

from __future__ import annotations

import math
import re

import pandas as pd
import polars as pl
import pytest
from flowfiles import applied, node, tool
from tables import TEXTS, drawn, same

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.schema.declaration import parameters_of

FRAME = pl.DataFrame({"t": [*TEXTS, None]})
SYMBOLS = "!@#$%^&*()_+=-/\\`~{}|<>?"


def edited(operator: str, title: str, **values: object) -> list[object]:
    found = applied(tool(operator, title, parameters_of(title), {"input_column": ["t"], **values}), FRAME)
    return found[found.columns[-1]].to_list()


def wanted(function) -> list[object]:
    return [None if one is None else function(one) for one in FRAME["t"].to_list()]


def test_formats() -> None:
    cases = {
        "Lower case": ({}, str.lower),
        "Upper case": ({}, lambda text: text.upper()),
        "Capitalize": ({}, lambda text: text[:1].upper() + text[1:].lower()),
        "Swap case": ({}, str.swapcase),
        "Left pad": ({"width": 8, "fill_character": "*"}, lambda text: text.rjust(8, "*")),
        "Right pad": ({"width": 8, "fill_character": "é"}, lambda text: text.ljust(8, "é")),
        "Prepend zeros": ({"width": 6}, lambda text: text.zfill(6)),
        "Strip left and right": ({}, str.strip),
        "Strip characters from left": ({"characters_to_remove": "aA "}, lambda text: text.lstrip("aA ")),
        "Strip characters from right": ({"characters_to_remove": "nd"}, lambda text: text.rstrip("nd")),
        "Remove symbols": ({}, lambda text: text.translate({ord(one): None for one in SYMBOLS})),
        "Add prefix or suffix": ({"prefix": "<", "suffix": ">"}, lambda text: f"<{text}>"),
    }
    for title, (values, function) in cases.items():
        assert edited("format_string", title, **values) == wanted(function), title
    assert [len(one) for one in edited("format_string", "Center (pad on either side)", width=9) if one is not None] == [
        max(len(one), 9) for one in TEXTS
    ]


def test_searches() -> None:
    cases = {
        "Find and replace substring": ({"pattern": "n+|(ü)", "replacement": "[$1]"}, lambda text: re.sub("n+|(ü)", lambda m: f"[{m[1] or ''}]", text)),
        "Find substring": ({"needle": "n"}, lambda text: text.find("n")),
        "Find substring (from right)": ({"needle": "n", "start_index": 1}, lambda text: text.rfind("n", 1)),
        "Matches": ({"pattern": "^a", "case": False}, lambda text: bool(re.search("^a", text, re.I))),
        "Find all occurrences": ({"pattern": "[a-z]"}, lambda text: re.findall("[a-z]", text)),
        "Extract using regex": ({"pattern": "([a-z])n", "index": 1}, lambda text: (re.search("([a-z])n", text) or [None, None])[1]),
        "Extract from position": ({"start_position": 1, "length": 2}, lambda text: text[1:3]),
        "Replace from position": ({"start_position": 1, "length": 2, "replacement": "$1"}, lambda text: text[:1] + "$1" + text[3:]),
        "Split string by delimiter": ({"delimiter": "n"}, lambda text: text.split("n")),
        "Extract between delimiters": ({"left_delimiter": "i", "right_delimiter": "e"}, lambda text: (re.search("(?s)i(.*?)e", text) or [None, None])[1]),
        "Replace between delimiters": ({"left_delimiter": "i", "right_delimiter": "e", "replacement": "$"}, lambda text: re.sub("(?s)(i).*?(e)", r"\1$\2", text, count=1)),
        "Convert regex to missing": ({"pattern": r"^\s*$"}, lambda text: None if re.search(r"^\s*$", text) else text),
        "Convert non-matches to missing": ({"pattern": "n"}, lambda text: text if "n" in text else None),
    }  # fmt: skip
    for title, (values, function) in cases.items():
        assert edited("search_and_edit", title, **values) == wanted(function), title


def test_patterns_that_linear_time_excludes_are_refused() -> None:
    for pattern in (r"(?=a)b", r"(a)\1", "(", "a{100000}{100000}"):
        with pytest.raises(StepError, match="can't be used"):
            edited("search_and_edit", "Matches", pattern=pattern)
    slow = pl.DataFrame({"t": ["a" * 50_000 + "b"]})
    step = tool("search_and_edit", "Matches", "matches_parameters", {"input_column": "t", "pattern": "^(a+)+$"})
    assert applied(step, slow)["t"].to_list() == [False]


def test_checks_of_texts() -> None:
    cases = {
        "Equals": ({"value": "42"}, lambda text: text == "42"),
        "Contains": ({"value": "n"}, lambda text: "n" in text),
        "Starts with": ({"value": "A"}, lambda text: text.startswith("A")),
        "Ends with": ({"value": "e"}, lambda text: text.endswith("e")),
        "Matches regex": ({"pattern": r"\d"}, lambda text: bool(re.search(r"\d", text))),
        "Length": ({"minimum_length": 2, "maximum_length": 3}, lambda text: 2 <= len(text) <= 3),
        "Is alphabetic": ({}, str.isalpha),
        "Is numeric": ({}, str.isnumeric),
        "Is alphanumeric": ({}, str.isalnum),
        "Is lower case": ({}, str.islower),
    }
    for title, (values, function) in cases.items():
        step = tool("validate_string", title, parameters_of(title), {"input_column": "t", **values})
        found = applied(step, FRAME)["t_valid"].to_list()
        assert found == [one is not None and function(one) for one in FRAME["t"].to_list()], title


def test_statistics_and_vectors_of_words() -> None:
    frame = pl.DataFrame({"t": ["Red red fish", "blue fish 7!", None, ""]})
    step = tool("featurize_text", "Character statistics", "character_statistics_parameters", {"input_column": ["t"]})
    found = applied(step, frame)
    assert found["t-stats_word_count"].to_list() == [3, 3, None, 0]
    assert found["t-stats_digit_ratio"].to_list() == [0, 1 / 12, None, 0]
    values = {
        "input_column": "t",
        "tokenizer": "Standard",
        "vectorizer": "Count Vectorizer",
        "vectorizer_count_vectorizer_parameters": {"minimum_document_frequency": 1, "maximum_document_frequency": 1000},
        "apply_idf": "Yes",
        "apply_idf_yes_parameters": {"minimum_document_frequency": 0},
        "output_format": "Columns",
    }
    found = applied(tool("featurize_text", "Vectorize", "vectorize_parameters", values), frame)
    assert found["t_fish"].to_list() == pytest.approx([math.log(5 / 3), math.log(5 / 3), 0, 0])
    assert found["t_red"].to_list() == pytest.approx([2 * math.log(5 / 2), 0, 0, 0])
    sparse = applied(
        tool("featurize_text", "Vectorize", "vectorize_parameters", {**values, "output_format": "Vector"}), frame
    )
    assert sparse["t"].to_list()[2] == {"size": 4, "indices": [], "values": []}
    hashed = {
        **values,
        "vectorizer": "Hashing",
        "vectorizer_hashing_parameters": {"number_of_features": 16},
        "apply_idf": "No",
    }
    found = applied(tool("featurize_text", "Vectorize", "vectorize_parameters", hashed), frame)
    assert found.select(pl.sum_horizontal(pl.col("^t_.*$")))["t_0"].to_list() == [3, 3, 0, 0]


def test_parts_of_times() -> None:
    times = ["2020-02-29 23:59:58", "2021-12-31", None, ""]
    frame = pl.DataFrame({"at": times})
    every = ("year", "month", "day", "hour", "minute", "second", "week_of_year", "day_of_year", "quarter")
    values = {"input_column": "at", "output_format": "Columns", **dict.fromkeys(every, True)}
    found = applied(node("featurize_date_time", values), frame)
    plain = pd.to_datetime(pd.Series(times[:2]), format="mixed")
    parts = {"week_of_year": plain.dt.isocalendar().week, "day_of_year": plain.dt.dayofyear}
    for part in every:
        same(found[f"at_{part}"].head(2), parts.get(part, getattr(plain.dt, part, None)))
        assert found[f"at_{part}"].to_list()[2:] == [None, None]
    cyclic = {
        "input_column": "at",
        "output_mode": "Cyclic",
        "output_format": "Columns",
        "month": True,
        "year": False,
        "day": False,
    }
    found = applied(node("featurize_date_time", cyclic), frame)
    assert found["at_month_1"].to_list()[0] == pytest.approx(math.sin(math.pi / 6))
    broken = pl.DataFrame({"at": ["2020-01-01", "yesterday"]})
    with pytest.raises(pl.exceptions.PolarsError):
        applied(node("featurize_date_time", values), broken)


def series() -> pl.DataFrame:
    hours = pd.date_range("2024-01-01", periods=12, freq="h")
    values = [1.0, None, 3.0, 4.0, None, None, 7.0, 8.0, 9.0, None, 11.0, 12.0]
    return pl.DataFrame({"id": ["a", "b"] * 6, "at": list(hours.to_pydatetime()), "v": values, "n": range(12)})


def of_series(title: str, **values: object) -> pl.DataFrame:
    return applied(
        tool("time_series", title, f"{title}_parameters", {"timestamp_column": "at", "id_column": "id", **values}),
        series(),
    )


def test_lags_and_windows() -> None:
    plain = series().to_pandas().sort_values(["id", "at"])
    found = of_series(
        "Lag features", sequence_column="n", lag=2, entire_window=True, entire_window_True_parameters={"flatten": True}
    )
    for lag in (1, 2):
        same(found[f"n_lag_{lag}"], plain.groupby("id")["n"].shift(lag))
    assert len(of_series("Lag features", sequence_column="n", lag=2, drop_rows=True)) == 8
    found = of_series("Rolling window features", sequence_column="n", window_size=3)
    rolled = plain.groupby("id")["n"].rolling(3)
    same(found["n_mean"], rolled.mean())
    same(found["n_standard_deviation"], rolled.std(ddof=0))
    found = of_series("Extract features", sequence_columns=["n"])
    assert found["n__sum_values"].to_list() == [30.0, 36.0]


def test_gaps_and_resampling() -> None:
    gaps = {
        "hm_input_type": "Along column",
        "hm_input_type_Along column_parameters": {
            "hmac_sequence_column": "v", "hmac_id_column": "id", "hmac_timestamp_column": "at",
            "hmac_strategy": "Interpolate", "hmac_output_column": "",
        },
    }  # fmt: skip
    found = applied(tool("time_series", "Handle missing", "Handle missing_parameters", gaps), series())
    plain = series().to_pandas()
    wanted = plain.groupby("id")["v"].transform(lambda one: one.interpolate().ffill().bfill())
    same(found["v"], wanted)
    found = of_series(
        "Resample",
        frequency={"quantity": 1, "offset_description": "Hourly"},
        downsample={"numeric": "mean", "non_numeric": "most common"},
        upsample={"numeric": "linear", "non_numeric": "ffill"},
    )
    assert len(found) == 22
    assert found.filter(pl.col("id") == "a")["n"].to_list() == list(range(11))
    assert len(of_series("Resample", frequency={"quantity": 4, "offset_description": "Hourly"})) == 6
    with pytest.raises(StepError, match="more than 50,000,000"):
        applied(
            tool("time_series", "Resample", "Resample_parameters", {"timestamp_column": "at", "frequency": {"offset_description": "Secondly"}}),
            pl.DataFrame({"at": ["1900-01-01", "2024-01-01"], "v": [1, 2]}),
        )  # fmt: skip


def test_times_that_are_none() -> None:
    frame = pl.DataFrame({"at": ["2020-01-01", "x", None]})

    def found(policy: str) -> pl.DataFrame:
        return applied(tool("time_series", "Validate timestamps", "Validate timestamps_parameters", {"timestamp_column": "at", "policy": policy}), frame)  # fmt: skip

    assert found("drop")["at"].to_list() == ["2020-01-01"]
    assert found("indicate")["at_is_valid"].to_list() == [True, False, False]
    with pytest.raises(pl.exceptions.PolarsError):
        found("error")


def test_arrays_of_series() -> None:
    grouped = of_series("Group by")
    assert grouped["n"].to_list() == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]
    ragged = pl.DataFrame({"v": [[1.0], [1.0, 2.0, 3.0], []]})
    found = applied(
        tool("time_series", "Standardize length", "Standardize length_parameters", {"sequence_column": "v"}), ragged
    )
    assert found["v"].to_list() == [[1, 0, 0], [1, 2, 3], [0, 0, 0]]
    dated = applied(
        tool("time_series", "Datetime range", "Datetime range_parameters",
             {"start": "2024-01-31", "frequency": {"quantity": 1, "offset_description": "Monthly"}, "output_column": "d"}),
        drawn(3),
    )  # fmt: skip
    assert [str(one)[:10] for one in dated["d"]] == ["2024-01-31", "2024-02-29", "2024-03-31"]
