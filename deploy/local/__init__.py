"""
The embedded stack: real Kafka, PostgreSQL and S3 + SQS on loopback, for the demo, the tests and the benchmarks.

This package imports nothing of `streams`, `inference` and `persistence`; of those, only the demo imports it.
petstream's processes find these parts as in production, from their environment.

Start at `stack.Stack`. This file imports nothing, so that one part can be used without the libraries of the others.
"""
