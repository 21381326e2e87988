"""
The promise: what is taken from Kafka is bounded, batched, and acknowledged in order once its outcome is confirmed.

The only room that knows Faust.
"""
