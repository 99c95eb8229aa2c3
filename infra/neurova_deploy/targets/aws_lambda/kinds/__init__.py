"""The kinds of resources that a deployment to AWS Lambda has."""
