"""Anomalies in streaming data: Random Cut Forest.

Run it: sagewright examples run stream_anomalies
"""

import datasets
import numpy as np
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.serializers import CSVSerializer
from sklearn.metrics import roc_auc_score

session = sagemaker.Session()
readings, anomalous = datasets.shuttle()
past, stream = readings[:20_000], slice(20_000, 26_000)

forest = sagemaker.RandomCutForest(
    sagemaker.get_execution_role(), 1, "ml.m5.large", num_samples_per_tree=256, num_trees=100, eval_metrics=None
)
forest.fit(forest.record_set(past))

predictor = forest.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
scores = []
for batch in np.split(readings[stream], 12):  # as they would come, later than all that was learnt
    scores += [answer["score"] for answer in predictor.predict(batch)["scores"]]
predictor.delete_endpoint()
page = f"jobs/{forest.latest_training_job.name}"
result.check("AUC of the shuttle's anomalies", roc_auc_score(anomalous[stream], scores), at_least=0.9, page=page)
