"""
``petstream board``: a page that shows pictures on their way.

It is a downstream consumer of the topics and a reader of the tables, and nothing else: whatever it knows, any
subscriber may know. ``state`` and its neighbours are pure; ``consuming``, ``tables`` and ``store`` bring in what comes
from outside; ``routes`` answers browsers.
"""
