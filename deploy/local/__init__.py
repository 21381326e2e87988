"""
The embedded stack: real Kafka, PostgreSQL and S3 + SQS on loopback, for the demo, the tests and the benchmarks.

Stands beside the product, not in it: nothing here is imported by `streams`, `inference` or `persistence`, and
nothing of theirs is imported here. A process of petstream learns about these parts the way it would in production,
from its environment.

Begin at `stack.Stack`. Nothing is imported here, so that one part can be used where the libraries of the others are
missing.
"""
