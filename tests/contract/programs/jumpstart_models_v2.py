"""Models of the catalogue by SDK v2's own classes: one hosted with its example payload, one trained and deployed."""

import sagemaker
from sagemaker.jumpstart.estimator import JumpStartEstimator
from sagemaker.jumpstart.model import JumpStartModel

session = sagemaker.Session()
bucket = session.default_bucket()

model = JumpStartModel("sagewright-ic-efficientnet-lite0")
predictor = model.deploy()
payload = model.retrieve_example_payload()
found = predictor.predict(payload)
print("picture:", found["predicted_label"], len(found["probabilities"]))
predictor.delete_predictor()

model = JumpStartModel("sagewright-od-centernet-mobilenetv3")
predictor = model.deploy()
payload = model.retrieve_example_payload()
found = predictor.predict(payload)
print("object:", found["labels"][found["classes"][0]], len(found["labels"]))
payload.accept = "application/json;n_predictions=2"
few = predictor.predict(payload)
print("two objects:", sorted(few), len(few["normalized_boxes"]))
predictor.delete_predictor()

rows = "".join(f"{3 * (n % 20)},{n % 20},{n % 7}\n" for n in range(400))
session.upload_string_as_file_body(rows, bucket, "jumpstart-models/data.csv")
estimator = JumpStartEstimator("xgboost-regression-model", hyperparameters={"num_boost_round": "40"})
estimator.fit({"training": f"s3://{bucket}/jumpstart-models/"}, logs=False)
print("job:", estimator.latest_training_job.describe()["TrainingJobStatus"])
predictor = estimator.deploy()
(number,) = predictor.predict("15,3\n")["prediction"]
print("number:", 43 < number < 47)
predictor.delete_predictor()
