#!/bin/bash
# What people do with MinIO's client. Usage: mc.sh CLIENT BUCKET, in a folder with tree/ and large.
set -euo pipefail
export MC_CONFIG_DIR=$PWD/mc MC_HOST_here=${AWS_ENDPOINT_URL/\/\////$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY@}
mc() { "$client" --quiet "$@"; }
client=$1 place=here/$2
mc mb "$place" > /dev/null
mc cp -r tree/ "$place/tree/" > /dev/null && mc cp large "$place/large" > /dev/null
mc mirror "$place/tree" back > /dev/null && diff -r tree back
mc cat "$place/large" | cmp - large
mc stat "$place/large" | grep "ETag" > /dev/null
test "$(mc find "$place" --name '*.txt' | wc -l)" = 2
mc tag set "$place/tree/one.txt" "a=b" > /dev/null && mc tag list "$place/tree/one.txt" | grep "a *: b" > /dev/null
mc version enable "$place" > /dev/null && mc cp large "$place/tree/one.txt" > /dev/null
test "$(mc ls --versions "$place/tree/one.txt" | wc -l)" = 2
mc cp --rewind 0s "$place/large" again > /dev/null 2>&1 || mc cp "$place/large" again > /dev/null
cmp large again
shared=$(mc share download "$place/large" | sed -n 's/^Share: //p') && curl -sf "$shared" | cmp - large
mc anonymous get "$place" | grep private > /dev/null
mc rm --recursive --versions --force "$place/tree" > /dev/null && mc rb --force "$place" > /dev/null
echo "all done"
