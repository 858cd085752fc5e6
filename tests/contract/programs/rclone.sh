#!/bin/bash
# rclone with the provider AWS. Without TLS it refuses to send streams unless both of the last settings are as here.
# Usage: rclone.sh RCLONE BUCKET, in a folder with tree/ and large.
set -euo pipefail
rclone=$1 bucket=$2
cat > rclone.conf <<EOF
[aws]
type = s3
provider = AWS
env_auth = true
region = us-east-1
endpoint = $AWS_ENDPOINT_URL
use_data_integrity_protections = false
use_unsigned_payload = true
EOF
run() { "$rclone" --config rclone.conf "$@"; }
run mkdir "aws:$bucket"
run copy tree "aws:$bucket/tree" && run check tree "aws:$bucket/tree" 2> /dev/null
run copyto --s3-upload-cutoff 5M --s3-chunk-size 5M large "aws:$bucket/large" && run cat "aws:$bucket/large" | cmp - large
run moveto "aws:$bucket/large" "aws:$bucket/moved"
run sync "aws:$bucket/tree" back && diff -r tree back
test "$(run lsf -R --files-only "aws:$bucket" | wc -l)" = 4
run size "aws:$bucket" | grep "Total objects: 4" > /dev/null
curl -sf "$(run link "aws:$bucket/tree/one.txt")" | cmp - tree/one.txt
run rcat "aws:$bucket/streamed" < large && run cat "aws:$bucket/streamed" | cmp - large
run backend versioning "aws:$bucket" Enabled > /dev/null && run copyto tree/one.txt "aws:$bucket/moved"
test "$(run --s3-versions lsf --files-only "aws:$bucket" --include 'moved*' | wc -l)" = 2
run backend cleanup-hidden "aws:$bucket" && run purge "aws:$bucket"
echo "all done"
