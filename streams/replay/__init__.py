"""Refused work, once more: rejections, dead letters and what waits on retry topics are published again."""
