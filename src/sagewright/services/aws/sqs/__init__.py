"""SQS: the features of queues that targets of rules and topics need."""
