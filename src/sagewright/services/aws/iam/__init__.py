"""Identity and Access Management: roles, and the answers that SDKs need about rights. Policies are kept, not enforced."""
