"""The bucket's past: enqueue what was there before petstream, and compare a bucket with its outcomes."""
