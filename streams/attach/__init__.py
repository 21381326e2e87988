"""Attaches a bucket that exists: queue, dead-letter queue and notification, beside what the bucket has already."""
