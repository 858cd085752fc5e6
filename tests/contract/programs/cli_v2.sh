#!/bin/bash
# The AWS CLI, version 2, which sends by the AWS Common Runtime. Usage: cli_v2.sh AWS BUCKET JOB, in a folder with tree/ and large.
set -euo pipefail
export AWS_CONFIG_FILE=$PWD/config
printf '[default]\ns3 =\n  preferred_transfer_client = crt\n' > config
aws=$1 bucket=$2 job=$3
run() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
run s3 mb "s3://$bucket" > /dev/null
run s3 sync tree "s3://$bucket/tree" > /dev/null && run s3 sync "s3://$bucket/tree" back > /dev/null && diff -r tree back
test -z "$(run s3 sync tree "s3://$bucket/tree")"
run s3 cp large "s3://$bucket/large" --no-progress > /dev/null
run s3 mv "s3://$bucket/large" "s3://$bucket/moved" --no-progress > /dev/null
run s3 cp "s3://$bucket/moved" - | cmp - large
run s3 ls "s3://$bucket" --recursive --summarize | grep "Total Objects: 4" > /dev/null
curl -sf "$(run s3 presign "s3://$bucket/tree/one.txt")" | cmp - tree/one.txt
run s3api head-object --bucket "$bucket" --key moved --checksum-mode ENABLED --query ContentLength > /dev/null
image=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3
run sagemaker create-training-job --training-job-name "$job" --role-arn arn:aws:iam::000000000000:role/SageMakerExecutionRole \
  --algorithm-specification "TrainingImage=$image,TrainingInputMode=File,ContainerEntrypoint=/bin/echo,ContainerArguments=trained" \
  --output-data-config "S3OutputPath=s3://$bucket/out" --resource-config InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=1 \
  --stopping-condition MaxRuntimeInSeconds=100 > /dev/null
until run sagemaker describe-training-job --training-job-name "$job" --query TrainingJobStatus --output text | grep -E 'Completed|Failed' > /dev/null; do
  sleep 0.5
done
run logs tail /aws/sagemaker/TrainingJobs --log-stream-name-prefix "$job" --format short | grep trained > /dev/null
run s3 rb --force "s3://$bucket" > /dev/null
echo "all done"
