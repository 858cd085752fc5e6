"""AWS Service Quotas: the limits of the account, its users and its roles."""
