#!/bin/bash
# Data versioned by DVC with its cache in S3: pushed, lost, pulled again, and taken back to the version before.
# Usage: dvc.sh DVC BUCKET, in an empty folder.
set -euo pipefail
dvc=$1 bucket=$2
git init -q . && git config user.email a@example.com && git config user.name a
"$dvc" init -q && "$dvc" config core.analytics false && "$dvc" remote add -q -d store "s3://$bucket/cache"
mkdir set && for one in 1 2 3; do echo "$one" > "set/$one ü.csv"; done
head -c 20000000 /dev/urandom > large && sha256sum large > before
"$dvc" add -q large set && git add . && git commit -qm one && "$dvc" push -q
head -c 1000 /dev/urandom > large && "$dvc" add -q large && git commit -qam two && "$dvc" push -q
rm -rf .dvc/cache large set && "$dvc" pull -q && test "$(stat -c %s large)" = 1000
git checkout -q HEAD~1 && "$dvc" pull -q && sha256sum --quiet -c before && test "$(cat 'set/2 ü.csv')" = 2
"$dvc" status -c | grep "in sync" > /dev/null
"$dvc" gc -q -w -c -f
echo "versions are there"
