"""
Bounds and batches what is taken from Kafka, and acknowledges it in order once its outcome is confirmed.

The only package that uses Faust.
"""
