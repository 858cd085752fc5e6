"""AWS CloudTrail: lookups in the audit trail."""
