"""Stages 6 and 7: from outcomes on the result topics to rows in the tables."""
