"""SNS: topics, subscriptions of queues, and publishing."""
