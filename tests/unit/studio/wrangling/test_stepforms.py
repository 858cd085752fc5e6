from __future__ import annotations

from sagewright.studio.wrangling import stepforms
from sagewright.studio.wrangling.stepforms import ColumnRef
from sagewright.wrangler.schema.declaration import Parameter, ParameterKind, ParameterOption

FIELDS = (
    Parameter("input_column", ParameterKind.COLUMNS, required=True, types=("long", "float")),
    Parameter(
        "scaler",
        ParameterKind.CHOICE,
        default="Standard scaler",
        options=(
            ParameterOption("Standard scaler", (Parameter("center", ParameterKind.FLAG, default=False),)),
            ParameterOption(
                "Min-max scaler",
                (
                    Parameter("min", ParameterKind.NUMBER, default=0.0),
                    Parameter("max", ParameterKind.NUMBER, default=1.0, most=10),
                ),
            ),
        ),
    ),
    Parameter(
        "splits",
        ParameterKind.ROWS,
        fields=(Parameter("name", ParameterKind.TEXT), Parameter("percentage", ParameterKind.NUMBER)),
    ),
)
COLUMNS = (ColumnRef("age", "long"), ColumnRef("town, county", "float"), ColumnRef("word", "string"))


def test_a_form_gives_the_parameters_that_it_was_drawn_from() -> None:
    given = {
        "v.input_column:1": "town, county",
        "v.scaler": "Min-max scaler",
        "v.min_max_scaler_parameters.min": "-1.5",
        "v.min_max_scaler_parameters.max": "",
        "v.splits.0.name": "train",
        "v.splits.0.percentage": ".8",
        "v.splits.1.name": "",
        "v.splits.1.percentage": "",
    }
    reading = stepforms.read(FIELDS, given)
    assert reading.faults == {}
    assert reading.parameters == {
        "input_column": ["town, county"],
        "scaler": "Min-max scaler",
        "min_max_scaler_parameters": {"min": -1.5},
        "splits": [{"name": "train", "percentage": 0.8}],
    }
    columns, scaler, splits = stepforms.fields_of(FIELDS, reading.parameters, COLUMNS, {})
    assert [(one.value, one.chosen) for one in columns.options] == [("age", False), ("town, county", True)]
    chosen = next(one for one in scaler.options if one.chosen)
    assert [(one.name, one.value) for one in chosen.fields] == [
        ("v.min_max_scaler_parameters.min", "-1.5"),
        ("v.min_max_scaler_parameters.max", "1.0"),
    ]
    assert [[one.value for one in row] for row in splits.rows] == [["train", "0.8"], ["", ""]]


def test_each_fault_names_its_field() -> None:
    given = {
        "v.scaler": "Min-max scaler",
        "v.min_max_scaler_parameters.max": "11",
        "v.min_max_scaler_parameters.min": "x",
    }
    assert stepforms.read(FIELDS, given).faults == {
        "v.input_column": "is needed",
        "v.min_max_scaler_parameters.min": "'x' is not a number",
        "v.min_max_scaler_parameters.max": "is 11, more than 10",
    }


def test_a_chosen_column_that_is_gone_can_be_taken_off() -> None:
    columns = stepforms.fields_of(FIELDS[:1], {"input_column": ["gone"]}, COLUMNS, {})[0]
    assert next((one.value, one.label, one.chosen) for one in columns.options) == ("gone", "not in the data", True)


def test_a_spare_row_as_it_was_drawn_is_none() -> None:
    order = Parameter("order", ParameterKind.TEXT, default="Ascending")
    rows = (
        Parameter(
            "conditions", ParameterKind.ROWS, fields=(Parameter("sort_by", ParameterKind.COLUMN, required=True), order)
        ),
    )
    given = {"v.conditions.0.sort_by": "age", "v.conditions.0.order": "Ascending", "v.conditions.1.order": "Ascending"}
    reading = stepforms.read(rows, given)
    assert reading.parameters == {"conditions": [{"sort_by": "age", "order": "Ascending"}]}
    assert reading.faults == {}


def test_numbers_of_a_form_that_no_flow_can_hold_are_faults() -> None:
    fields = (Parameter("seed", ParameterKind.INTEGER), Parameter("share", ParameterKind.NUMBER), *FIELDS[2:])
    huge = "1" * 4000
    reading = stepforms.read(fields, {"v.seed": huge, "v.share": "1e999", f"v.splits.{huge}0.name": "a"})
    assert reading.faults == {"v.seed": f"{huge[:40]} is too large", "v.share": "1e999 is not finite"}
    assert "splits" not in reading.parameters
    assert stepforms.read(fields, {"v.seed": "x" * 5000}).faults["v.seed"] == f"{'x' * 40!r} is not a whole number"
