"""A user's program on SDK v2: PySpark with everything it can be submitted with, a jar, a failure, a stop."""

import sys
import time
from pathlib import Path

from sagemaker import get_execution_role
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.spark.processing import PySparkProcessor, SparkJarProcessor

place, jar = Path(sys.argv[1]), sys.argv[2]
apps = Path(__file__).parent / "spark"
where = {
    "framework_version": "3.3",
    "role": get_execution_role(),
    "instance_type": "ml.m5.large",
    "max_runtime_in_seconds": 600,
    "env": {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"},  # jobs of seconds: a fifth less CPU time
}
(place / "words.txt").write_text("one two two")

whole = PySparkProcessor(base_job_name="whole", instance_count=1, **where)
whole.run(
    submit_app=str(apps / "everything.py"),
    submit_py_files=[str(apps / "helper.py")],
    submit_files=[str(place / "words.txt")],
    submit_jars=[jar],
    arguments=["--in", "s3://spark-data/in/", "--out", "s3a://spark-data/out", "a b"],
    inputs=[ProcessingInput(source="s3://spark-data/in/", destination="/opt/ml/processing/input/rows")],
    outputs=[ProcessingOutput(source="/opt/ml/processing/output", destination="s3://spark-data/local")],
    configuration=[
        {
            "Classification": "spark-defaults",
            "Properties": {"spark.sql.shuffle.partitions": "3", "spark.app.colour": "deep blue"},
        },
        {"Classification": "core-site", "Properties": {"some.hadoop.key": "a < b & c"}},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"COLOUR": "green"}}],
        },
        {"Classification": "spark-log4j", "Properties": {"log4j.rootCategory": "WARN, console"}},
    ],
    spark_event_logs_s3_uri="s3://spark-data/events",
)
print("whole:", whole.latest_job.describe()["ProcessingJobStatus"])

jars = SparkJarProcessor(base_job_name="jar", instance_count=1, **where)
jars.run(submit_app=jar, submit_class="test.Count", arguments=["s3://spark-data/in/"])
print("jar:", jars.latest_job.describe()["ProcessingJobStatus"])

broken = PySparkProcessor(base_job_name="broken", instance_count=1, **where)
try:
    broken.run(submit_app=str(apps / "broken.py"))
except UnexpectedStatusException:
    described = broken.latest_job.describe()
    print(f"failed: {described['FailureReason']} | {described['ExitMessage']}")

long = PySparkProcessor(base_job_name="long", instance_count=1, **where)
long.run(submit_app=str(apps / "endless.py"), wait=False, logs=False, spark_event_logs_s3_uri="s3://spark-data/stopped")
logs = long.sagemaker_session.boto_session.client("logs")
while not logs.filter_log_events(
    logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=long.latest_job.job_name, filterPattern="endless"
)["events"]:
    time.sleep(0.3)
long.latest_job.stop()
while long.latest_job.describe()["ProcessingJobStatus"] in {"InProgress", "Stopping"}:
    time.sleep(0.2)
print("stopped:", long.latest_job.describe()["ProcessingJobStatus"])
