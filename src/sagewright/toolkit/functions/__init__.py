"""The runtime of a Lambda function inside its job."""
