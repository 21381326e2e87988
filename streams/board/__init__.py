"""
``petstream board``: a web page that shows pictures moving through the pipeline.

The board is a consumer of the topics and a reader of the tables. It has no other source: any subscriber may know what
it knows. ``state`` and the modules that it imports are pure. ``topic_reader``, ``history_reader``, ``consumer_lag``,
``table_poller``, ``queue_length`` and ``objects`` do the input and output; ``routes`` answers browsers.
"""
