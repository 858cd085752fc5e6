"""SNS: topics, queues that subscribe to them, and what is published."""
