"""EventBridge Scheduler's operations."""
