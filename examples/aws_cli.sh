#!/usr/bin/env bash
# A training job with the AWS CLI. Run it: sagewright exec -- bash aws_cli.sh train.csv
# train.csv: label first, no header.
set -euo pipefail
job=cli-$(date +%s%N)
aws s3 mb s3://cli-data
aws s3 cp "$1" s3://cli-data/train/train.csv
aws sagemaker create-training-job \
    --training-job-name "$job" \
    --algorithm-specification TrainingImage=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1,TrainingInputMode=File \
    --role-arn arn:aws:iam::000000000000:role/SageMakerExecutionRole \
    --input-data-config '[{"ChannelName":"train","ContentType":"text/csv","DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://cli-data/train/"}}}]' \
    --output-data-config S3OutputPath=s3://cli-data/output \
    --resource-config InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=1 \
    --stopping-condition MaxRuntimeInSeconds=600 \
    --hyper-parameters num_round=10,objective=reg:squarederror
while [ "$(aws sagemaker describe-training-job --training-job-name "$job" --query TrainingJobStatus --output text)" = InProgress ]; do
    sleep 0.5
done
aws sagemaker describe-training-job --training-job-name "$job" --query '[TrainingJobStatus,ModelArtifacts.S3ModelArtifacts]' --output text
aws s3 cp "s3://cli-data/output/$job/output/model.tar.gz" "${2:-model.tar.gz}"
