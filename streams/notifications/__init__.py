"""What a store says when an object was written, in every dialect that stores and their carriers speak. Pure."""
