"""SQS: queues and their messages, as far as targets of rules and topics need them."""
