"""Bytes to pixels: pure functions for one picture, and the processes that run them."""

from inference.decode.picture import Limits, decode, decode_whole, one_line

__all__ = ["Limits", "decode", "decode_whole", "one_line"]
