"""Commands about people: users, their policies and their keys. They use boto3, since IAM speaks the query protocol."""
