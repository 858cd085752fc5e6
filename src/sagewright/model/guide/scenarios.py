"""The twenty questions that a SageMaker user should be able to answer, each with its answer and the example that shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """`example`: the name of the program, which `sagewright examples run` takes. `page`: where Studio does it."""

    example: str
    question: str
    answer: str
    page: str = "/studio/jobs/new"


SCENARIOS = (
    Scenario("tabular_xgboost", "Best algorithm for tabular classification", "XGBoost"),
    Scenario("linear_baseline", "Fast linear baseline", "Linear Learner"),
    Scenario("image_classification", "Classify images into categories", "Image Classification"),
    Scenario("object_detection", "Detect objects with bounding boxes", "Object Detection"),
    Scenario("text_classification", "Classify texts", "BlazingText, supervised"),
    Scenario("word_embeddings", "Word embeddings", "BlazingText, unsupervised (word2vec)"),
    Scenario("forecast_deepar", "Forecast several time series", "DeepAR"),
    Scenario("stream_anomalies", "Anomalies in streaming data", "Random Cut Forest"),
    Scenario("recommendation", "Recommendation on sparse data", "Factorization Machines"),
    Scenario("topics", "Topics of documents", "LDA or NTM"),
    Scenario("bayesian_tuning", "Best hyperparameters, efficiently", "tuning job, Bayesian", "/studio/tuning"),
    Scenario(
        "spot_checkpoints",
        "Save up to 90 % of training cost",
        "managed spot training with checkpoints",
        "/studio/jobs/new",
    ),
    Scenario("jumpstart_bert", "A pretrained BERT with one click", "JumpStart", "/studio/jobs"),
    Scenario("own_container", "A framework that has no image", "own container, pushed to ECR", "/studio/jobs/new"),
    Scenario("model_registry", "Version and approve models before they deploy", "Model Registry", "/studio/models"),
    Scenario("clarify_shap", "Which features drove a prediction", "Clarify (SHAP)", "/studio/processing"),
    Scenario("experiments", "Track and compare training runs", "Experiments", "/studio/experiments"),
    Scenario("pipe_fastfile", "Large data, nothing downloaded to disk", "Pipe or FastFile mode"),
    Scenario("model_parallel", "A model too large for one device", "model parallel"),
    Scenario("data_parallel", "A data set too large for one host", "data parallel"),
)
BEYOND_ALGORITHMS = SCENARIOS[10:]
"""Those whose answer is a feature rather than an algorithm."""
PRACTICES = (
    "Tune on a validation metric, not on a training metric.",
    "Bayesian search suits continuous ranges and small budgets; keep max_parallel_jobs well below max_jobs.",
    "Begin with wide ranges, then narrow them; warm start from earlier tuning jobs.",
    "Use spot only with checkpoints, and max_wait above max_run.",
    "Do processing apart from training.",
    "Register a model with its evaluation.json.",
    "Compare two variants before all traffic is switched.",
)
