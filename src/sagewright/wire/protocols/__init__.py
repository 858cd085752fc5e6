"""AWS's wire protocols, each driven by the botocore model of the operation."""
