"""A processor of SDK v2 whose inputs are the results of queries. Arguments: role, image, bucket."""

import sys

import sagemaker
from sagemaker.dataset_definition.inputs import (
    AthenaDatasetDefinition,
    DatasetDefinition,
    RedshiftDatasetDefinition,
    S3Input,
)
from sagemaker.processing import ProcessingInput, Processor

role, image, bucket = sys.argv[1:]
athena = AthenaDatasetDefinition(
    catalog="AwsDataCatalog",
    database="sales",
    work_group="primary",
    query_string='SELECT * FROM "sales"."orders" WHERE amount > 5',
    output_s3_uri=f"s3://{bucket}/results/sdk/",
    output_format="PARQUET",
    output_compression="SNAPPY",
)
redshift = RedshiftDatasetDefinition(
    cluster_id="house",
    database="dev",
    db_user="me",
    query_string="SELECT 1",
    cluster_role_arn=role,
    output_s3_uri=f"s3://{bucket}/results/sdk-redshift/",
    output_format="CSV",
    output_compression="GZIP",
)
processor = Processor(
    role=role,
    image_uri=image,
    instance_count=1,
    instance_type="ml.m5.large",
    entrypoint=["/bin/bash", "-c", "ls /opt/ml/processing/orders /opt/ml/processing/code"],
    sagemaker_session=sagemaker.Session(),
)
code = S3Input(
    s3_uri=f"s3://{bucket}/code/", local_path="/opt/ml/processing/code", s3_data_type="S3Prefix", s3_input_mode="File"
)


def definition(**engine):
    return DatasetDefinition(
        local_path="/opt/ml/processing/orders", data_distribution_type="FullyReplicated", input_mode="File", **engine
    )


def run(**engine):
    given = ProcessingInput(input_name="orders", dataset_definition=definition(**engine))
    try:
        processor.run(inputs=[given, ProcessingInput(input_name="code", s3_input=code)], logs=False)
    except sagemaker.exceptions.UnexpectedStatusException as error:
        return str(error)
    return processor.latest_job.describe()["ProcessingJobStatus"]


print("athena:", run(athena_dataset_definition=athena))
print("redshift:", run(redshift_dataset_definition=redshift))
