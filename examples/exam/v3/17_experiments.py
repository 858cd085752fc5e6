"""Track and compare training runs: Experiments.

Run it: sagewright examples run experiments --sdk v3
"""

import uuid

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.analytics import ExperimentAnalytics
from sagemaker.core.experiments.run import Run
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket, experiment = session.default_bucket(), f"exam-{uuid.uuid4().hex[:8]}"
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train, "exam/churn/validation/data.csv": validation})
channels = [
    InputData(channel_name=name, data_source=f"s3://{bucket}/exam/churn/{name}", content_type="text/csv")
    for name in ("train", "validation")
]
for depth in (1, 2, 3, 5, 8, 12):
    trainer = ModelTrainer(
        training_image=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters={"objective": "binary:logistic", "eval_metric": "auc", "num_round": 20, "max_depth": depth},
        base_job_name=f"{experiment}-{depth}",  # SDK v3 names jobs by the second, and they are quicker than that
    )
    with Run(experiment_name=experiment, run_name=f"depth-{depth}", sagemaker_session=session) as run:
        run.log_parameter("depth", depth)
        trainer.train(channels, logs=False)
        metrics = {each.metric_name: each.value for each in trainer._latest_training_job.final_metric_data_list}
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
