"""Plain JPEGs decoded in batches on a GPU, with the usual decoders behind it."""
