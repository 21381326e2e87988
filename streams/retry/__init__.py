"""
Retry topics: uploads that could not be decided at once are parked and tried again later, and hold up no others.

``schedule`` picks the next topic, ``attempt`` is the state in the headers, ``due_gate`` delays the messages
(gated_intake.py), ``concurrency`` limits the retries at a time, ``waiting`` lists what waits.
"""
