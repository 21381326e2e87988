"""Enqueues existing objects of a bucket, and compares a bucket with the stored outcomes."""
