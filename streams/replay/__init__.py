"""Publishes again: rejections, dead letters and uploads that wait on retry topics."""
