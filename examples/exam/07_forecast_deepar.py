"""Forecast several time series: DeepAR.

Run it: sagewright examples run forecast_deepar
"""

import datasets
import numpy as np
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import JSONSerializer

session = sagemaker.Session()
bucket = session.default_bucket()
rows = datasets.employment()
known, later = rows[:, :-12], rows[:, -12:]
series = [{"start": "2009-10-01 00:00:00", "target": row} for row in known.tolist()]
datasets.put(bucket, {"exam/employment/train/train.json": datasets.json_lines(series)})

estimator = Estimator(
    sagemaker.image_uris.retrieve("forecasting-deepar", session.boto_region_name),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={
        "time_freq": "M",
        "context_length": 12,
        "prediction_length": 12,
        "epochs": 15,
        "mini_batch_size": 64,
    },
)
estimator.fit({"train": TrainingInput(f"s3://{bucket}/exam/employment/train")})

predictor = estimator.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
configuration = {"num_samples": 100, "output_types": ["quantiles"], "quantiles": ["0.5"]}
answer = predictor.predict({"instances": series, "configuration": configuration})["predictions"]
predictor.delete_endpoint()
forecast = np.array([each["quantiles"]["0.5"] for each in answer])
scale = np.abs(known[:, 12:] - known[:, :-12]).mean(axis=1, keepdims=True)  # of last year's values, in the past
naive = (np.abs(known[:, -12:] - later) / scale).mean()
error = (np.abs(forecast - later) / scale).mean()
page = f"jobs/{estimator.latest_training_job.name}"
result.check("MASE, below the seasonal naive forecast's", error, below=naive, page=page)
