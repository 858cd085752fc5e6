"""A user's program on SDK v3: PySpark over two hosts, and one whose second host dies."""

import io
import sys
from pathlib import Path

import boto3
import numpy as np
import pandas as pd
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.spark.processing import PySparkProcessor

apps = Path(__file__).parent / "spark"
where = {"framework_version": "3.3", "role": get_execution_role(), "instance_type": "ml.m5.large", "instance_count": 2}
where["env"] = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"}  # jobs of seconds: a fifth less CPU time
bucket, count = sys.argv[1], int(sys.argv[2])
s3 = boto3.client("s3")
random = np.random.default_rng(3)
rows = pd.DataFrame({"key": random.integers(0, 97, count), "value": random.integers(0, 1000, count)})
for part in range(4):
    s3.put_object(Bucket=bucket, Key=f"many/{part}.csv", Body=rows[part::4].to_csv(index=False))
source, target = f"s3://{bucket}/many/", f"s3://{bucket}/totals"

two = PySparkProcessor(base_job_name="two", max_runtime_in_seconds=900, **where)
two.run(
    submit_app=str(apps / "totals.py"), arguments=[source, target], spark_event_logs_s3_uri="s3://spark-data/events-v3"
)
two.latest_job.refresh()
print("two:", two.latest_job.processing_job_status)
listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="totals/")["Contents"]]
parts = [
    pd.read_csv(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    for key in listed
    if key.endswith(".csv")
]
found = pd.concat(parts).set_index("key").sort_index()
print("equal:", found.equals(rows.groupby("key")["value"].agg(total="sum", rows="count")), len(found))

dying = PySparkProcessor(base_job_name="dying", max_runtime_in_seconds=900, **where)
try:
    dying.run(submit_app=str(apps / "dying.py"))
except Exception as error:
    print("raised:", type(error).__name__)
dying.latest_job.refresh()
print(f"dying: {dying.latest_job.processing_job_status} | {dying.latest_job.exit_message}")
