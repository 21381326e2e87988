"""
Work that could not be decided at once: parked on a retry topic, tried again later, in nobody's way.

``schedule`` says where an upload goes next, ``attempt`` is what travels with it, ``intake`` reads the topics when their
heads are due, ``lag`` counts what waits; ``waiting``, ``table`` and ``hurry`` are behind ``petstream retries``.
"""
