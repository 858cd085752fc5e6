"""Members that the SDK's monitors leave out of a configuration come from the environment of the job."""

import pytest

from sagewright.clarify.configuration.analysis import read
from sagewright.clarify.configuration.monitored import CAPTURED, completed

MERGED = '{"sagemakerMergeJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}'
BIAS = {"label": "T", "headers": ["a", "g", "T"], "label_values_or_threshold": [1], "facet": [{"name_or_index": "g"}]}


def test_a_bias_monitor_computes_all_metrics_of_captured_predictions():
    environment = {
        "dataset_format": MERGED, "analysis_type": "MODEL_BIAS", "inference_attribute": "0",
        "probability_attribute": "p", "probability_threshold_attribute": "0.7", "features_attribute": "f",
    }  # fmt: skip
    config = read(completed(BIAS, environment))
    assert (config.dataset_type, config.needs_predictions, config.probability_threshold) == (CAPTURED, False, 0.7)
    assert len(config.pre_training) == 8
    assert len(config.post_training) > 8
    assert (config.predictor.label, config.predictor.probability, config.features) == (0, "p", "f")


def test_what_the_configuration_has_comes_first():
    document = BIAS | {
        "dataset_type": "text/csv", "methods": {"pre_training_bias": {"methods": ["CI"]}}, "predictor": {"label": 1},
    }  # fmt: skip
    config = read(
        completed(document, {"dataset_format": MERGED, "analysis_type": "MODEL_BIAS", "inference_attribute": "0"})
    )
    assert (config.pre_training, config.post_training, config.predictor.label) == (("CI",), (), 1)


@pytest.mark.parametrize("form", ["", "{", "[]", '{"orc": {}}'])
def test_a_job_over_other_data_keeps_its_configuration(form):
    assert completed(BIAS, {"dataset_format": form, "analysis_type": "MODEL_BIAS"}) is BIAS
    assert completed([], {"dataset_format": MERGED}) == []


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ('{"csv":{"header":false}}', "text/csv"),
        ('{"json":{"line":true}}', "application/jsonlines"),
        ('{"json":{}}', "application/json"),
        ('{"parquet":{}}', "application/x-parquet"),
    ],
)
def test_inputs_of_transform_jobs_have_the_type_of_the_monitors_input(form, kind):
    assert completed(BIAS, {"dataset_format": form})["dataset_type"] == kind
    assert completed(BIAS | {"dataset_type": "text/csv"}, {"dataset_format": form})["dataset_type"] == "text/csv"
