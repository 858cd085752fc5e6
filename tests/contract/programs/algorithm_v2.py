"""SDK v2's AlgorithmEstimator: an algorithm of the account trains, is deployed and asked, and is tuned."""

import sys
from pathlib import Path

from sagemaker import AlgorithmEstimator, Session, get_execution_role
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

session, role = Session(), get_execution_role()
client, bucket = session.sagemaker_client, session.default_bucket()
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-xgboost:1.7-1"
ranges = {"ContinuousParameterRangeSpecification": {"MinValue": "0.01", "MaxValue": "1"}}
training = {
    "TrainingImage": image,
    "SupportedTrainingInstanceTypes": ["ml.m5.large"],
    "SupportsDistributedTraining": False,
    "SupportedHyperParameters": [
        {"Name": "num_round", "Type": "Integer", "IsRequired": True, "DefaultValue": "5",
         "Range": {"IntegerParameterRangeSpecification": {"MinValue": "1", "MaxValue": "50"}}},
        {"Name": "objective", "Type": "FreeText", "DefaultValue": "reg:squarederror"},
        {"Name": "eta", "Type": "Continuous", "IsTunable": True, "DefaultValue": "0.3", "Range": ranges},
    ],
    "MetricDefinitions": [{"Name": "train:rmse", "Regex": ".*\\[[0-9]+\\].*#011train-rmse:([-+]?[0-9]*\\.?[0-9]+).*"}],
    "SupportedTuningJobObjectiveMetrics": [{"Type": "Minimize", "MetricName": "train:rmse"}],
    "TrainingChannels": [
        {"Name": "train", "IsRequired": True, "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}
    ],
}  # fmt: skip
serving = {
    "Containers": [{"Image": image}], "SupportedTransformInstanceTypes": ["ml.m5.large"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"], "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}  # fmt: skip
arn = client.create_algorithm(
    AlgorithmName="trees-v2", TrainingSpecification=training, InferenceSpecification=serving
)["AlgorithmArn"]  # fmt: skip
rows = Path(sys.argv[1]) / "rows.csv"
rows.write_text("".join(f"{number * 2},{number}\n" for number in range(60)))
data = session.upload_data(str(rows), bucket, "algorithm-v2")
estimator = AlgorithmEstimator(
    algorithm_arn=arn, role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session,
    hyperparameters={"num_round": 20},
)  # fmt: skip
from sagemaker.inputs import TrainingInput  # noqa: E402

channels = {"train": TrainingInput(data, content_type="text/csv")}
estimator.fit(channels, logs=False)
told = client.describe_training_job(TrainingJobName=estimator.latest_training_job.name)
print(
    "specification:",
    told["AlgorithmSpecification"]["AlgorithmName"] == arn,
    "TrainingImage" in told["AlgorithmSpecification"],
)
print("metrics:", [one["MetricName"] for one in told["FinalMetricDataList"]])
attached = AlgorithmEstimator.attach(estimator.latest_training_job.name, session)
print("attached:", attached.algorithm_arn == arn)
predictor = estimator.deploy(1, "ml.m5.large")
answer = float(predictor.predict(b"30", initial_args={"ContentType": "text/csv"}).decode().split("\n")[0])
print("answer:", 40 < answer < 80)
predictor.delete_endpoint()
tuner = HyperparameterTuner(
    estimator, "train:rmse", {"eta": ContinuousParameter(0.1, 0.5)}, objective_type="Minimize", max_jobs=1, max_parallel_jobs=1,
    base_tuning_job_name="trees-tuned",
)  # fmt: skip
tuner.fit(channels)
print("tuned:", tuner.describe()["HyperParameterTuningJobStatus"])
