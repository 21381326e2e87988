"""Reads object-store notifications in every dialect, also wrapped by SNS, SQS or EventBridge. Pure."""
