"""
Stages 1 to 5: from image-uploads to outcomes on the result topics.

``agent`` takes an upload, ``classify`` decides it; ``fetching``, ``serving`` and ``outcomes`` are its steps.
"""
