"""AWS Lambda's operations: functions in Python, and their invocations."""
