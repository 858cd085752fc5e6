"""analysis_config.json: schema, rules, and the texts of errors."""

import json

import pytest

from sagewright.clarify.configuration.analysis import load, read
from sagewright.clarify.errors import CustomerError

BIAS = {
    "dataset_type": "text/csv",
    "label": "Target",
    "facet": [{"name_or_index": "Gender"}],
    "methods": {"pre_training_bias": {"methods": "all"}},
}


def test_defaults_are_those_of_the_guide():
    config = read(BIAS)
    assert config.probability_threshold == 0.5
    assert config.pre_training == ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")
    assert config.report.title == "SageMaker Analysis Report"
    assert not config.needs_predictions


def test_names_of_formats_are_compared_without_case():
    assert read(BIAS | {"dataset_type": "Text/CSV"}).dataset_type == "text/csv"


def test_a_column_named_like_a_mode_keeps_its_case():
    series = {"target_time_series": "Target", "item_id": "Item", "timestamp": "TS"}
    methods = {"asymmetric_shapley_value": {"direction": "Chronological", "granularity": "TIMEWISE"}}
    config = read(
        {
            "dataset_type": "text/csv",
            "time_series_data_config": series,
            "methods": methods,
            "predictor": {"endpoint_name": "e"},
        }
    )
    assert config.document["time_series_data_config"]["target_time_series"] == "Target"
    assert config.asymmetric is not None and config.asymmetric.direction == "chronological"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dataset_type": "text/xml"}, "Analysis configuration schema validation error. dataset_type: 'text/xml' is not one of"),
        ({"dataset": "x"}, "Analysis configuration schema validation error. the configuration: Additional properties"),
        ({"probability_threshold": "0.5"}, "Analysis configuration schema validation error. probability_threshold"),
        ({"label": None}, "schema validation error"),
        ({"label": True}, "schema validation error"),
        ({"methods": {}}, "no method is configured"),
        ({"methods": {"pre_training_bias": {"methods": ["CI", "XX"]}}}, "The bias metric 'XX' does not exist"),
        ({"facet": []}, "Unable to locate the facet."),
        ({"methods": {"shap": {}}}, "'predictor' must be configured"),
        ({"methods": {"pdp": {"grid_resolution": 5}}, "predictor": {"endpoint_name": "e"}}, "PDP needs 'features'"),
        ({"methods": {"shap": {}}, "predictor": {"model_name": "m"}}, "'predictor' needs 'instance_type'"),
        ({"methods": {"shap": {}}, "predictor": {"endpoint_name_prefix": "-x"}}, "schema validation error"),
        ({"dataset_type": "application/jsonlines"}, "'features' is required"),
        ({"dataset_type": "application/x-parquet", "facet_dataset_uri": "s3://b/k"}, "text/csv only"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change, text):
    with pytest.raises(CustomerError) as raised:
        read(BIAS | change)
    assert text in str(raised.value)


def test_a_file_that_is_no_json_and_a_missing_one(tmp_path):
    path = tmp_path / "analysis_config.json"
    with pytest.raises(CustomerError, match="Unable to load analysis configuration as JSON"):
        load(path)
    path.write_text("{" * 100_000)
    with pytest.raises(CustomerError, match="Unable to load analysis configuration as JSON"):
        load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(CustomerError, match="Unable to load analysis configuration as JSON"):
        load(path)
    path.write_text(json.dumps(BIAS))
    assert load(path).label == "Target"


def test_an_endpoint_has_precedence_over_a_model():
    predictor = {"endpoint_name": "e", "model_name": "m"}
    config = read(BIAS | {"predictor": predictor, "methods": {"shap": {}}})
    assert config.predictor is not None
    assert (config.predictor.endpoint_name, config.predictor.model_name) == ("e", "")


def test_observed_predictions_need_no_model():
    methods = {"post_training_bias": {"methods": ["DPPL"]}}
    assert not read(BIAS | {"methods": methods, "predicted_label": 3}).needs_predictions
    with pytest.raises(CustomerError, match="'predictor' must be configured"):
        read(BIAS | {"methods": methods})
