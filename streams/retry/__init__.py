"""
Work that could not be decided at once: parked on a retry topic, tried again later, in nobody's way.

``schedule`` says where an upload goes next, ``attempt`` is what travels with it, ``due`` when the head of a topic may
be read (gated_intake.py); ``waiting``, ``table`` and ``hurry`` are behind ``petstream retries``.
"""
