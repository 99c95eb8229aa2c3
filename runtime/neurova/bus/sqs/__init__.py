"""The bus on Amazon SNS and SQS."""
