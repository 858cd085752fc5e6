"""Track and compare training runs: Experiments.

Run it: sagewright examples run experiments
"""

import uuid

import datasets
import result
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run
from sagemaker.inputs import TrainingInput

session = sagemaker.Session()
bucket, experiment = session.default_bucket(), f"exam-{uuid.uuid4().hex[:8]}"
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train, "exam/churn/validation/data.csv": validation})
channels = ("train", "validation")
for depth in (1, 2, 3, 5, 8, 12):
    xgb = Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        instance_count=1,
        output_path=f"s3://{bucket}/exam/output",
        hyperparameters={"objective": "binary:logistic", "eval_metric": "auc", "num_round": 20, "max_depth": depth},
    )
    with Run(experiment_name=experiment, run_name=f"depth-{depth}", sagemaker_session=session) as run:
        run.log_parameter("depth", depth)
        xgb.fit(
            {name: TrainingInput(f"s3://{bucket}/exam/churn/{name}", content_type="text/csv") for name in channels},
            logs=False,
        )
        metrics = {
            each["MetricName"]: each["Value"] for each in xgb.latest_training_job.describe()["FinalMetricDataList"]
        }
        run.log_metric("auc", metrics["validation:auc"])

table = ExperimentAnalytics(
    experiment_name=experiment, sort_by="Metrics.auc.Max", sagemaker_session=session
).dataframe()
runs = table.dropna(subset=["auc - Max"]).sort_values("auc - Max", ascending=False)
print(runs[["TrialComponentName", "depth", "auc - Max"]].to_string(index=False))
assert len(runs) == 6
winner, worst = runs.iloc[0], runs.iloc[-1]
assert winner["depth"] != 1  # stumps can't see which customers of a kind leave
result.check(
    "AUC of the best of 6 runs", winner["auc - Max"], above=worst["auc - Max"] + 0.02, page=f"experiments/{experiment}"
)
