"""Sage-LM learns from Melville's Moby-Dick and is deployed. Run it: sagewright exec -- python sage_lm.py [EPOCHS [CHARACTERS]]"""

import sys

import datasets
from sagemaker.jumpstart.estimator import JumpStartEstimator

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
characters = int(sys.argv[2]) if len(sys.argv) > 2 else None
datasets.put("sage-lm", {"texts/moby-dick.txt": datasets.moby_dick()[:characters].encode()})

estimator = JumpStartEstimator("sagewright-textgeneration-sage-lm", hyperparameters={"epochs": str(epochs)})
estimator.fit({"training": "s3://sage-lm/texts/"})
print("weights:", estimator.model_data)

predictor = estimator.deploy()
asked = {"inputs": "The whale", "parameters": {"max_new_tokens": 40, "temperature": 0.8, "seed": 1}}
print("endpoint:", predictor.endpoint_name)
print("answer:", predictor.predict(asked)[0]["generated_text"])
