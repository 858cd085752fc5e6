"""Identity and Access Management: roles, and the answers that SDKs need about permissions. Policies are stored, not enforced."""
