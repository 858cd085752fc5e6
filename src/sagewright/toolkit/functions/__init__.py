"""What a Lambda function runs in, inside its job."""
