"""EventBridge: rules, their targets, and events that users put."""
