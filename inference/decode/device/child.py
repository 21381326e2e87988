"""
The process that decodes on a device: all the pictures that wait for it at a time, in one batch.

As ``decode_child``, but for what a batch is: each byte that the parent sends is the number of a seat with a picture in
it, and each answer is one byte again, the seat's number, above it a bit for a picture that was not taken.
"""

import socket
import sys
import warnings
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.decode import Limits
from inference.decode.child import be_quiet, imported, limit_memory, outlive_signals_but_not_the_parent
from inference.decode.slot import Slot
from inference.manifest import InputSpec

SEATS: Final = 32
"""Pictures in the process at a time: what keeps nvJPEG's engines busy, and a few megabytes."""

SEAT_BYTES: Final = 16 * 1024 * 1024  # a larger file is decoded the usual way
READY: Final = 0xFF
NOT_TAKEN: Final = 0x80  # added to the seat's number


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent starts the child with, as JSON in the command line."""

    parent: int
    socket: int
    slots: list[int]
    spec: InputSpec
    limits: Limits
    memory_bytes: int
    decoder: str


def main(orders_json: str) -> None:
    """Serve until the parent hangs up."""
    orders = msgspec.json.decode(orders_json, type=Orders)
    outlive_signals_but_not_the_parent(orders.parent)
    warnings.simplefilter("ignore")  # decoders grumble about metadata that nobody reads
    decode = imported(orders.decoder)(orders.spec, orders.limits, len(orders.slots))
    slots = [Slot(fd, orders.spec.size, SEAT_BYTES) for fd in orders.slots]
    limit_memory(orders.memory_bytes)  # after the device is open: CUDA maps more than any limit allows
    be_quiet()
    with socket.socket(fileno=orders.socket) as parent:
        parent.sendall(bytes([READY]))
        while seats := parent.recv(len(slots)):
            squares = zip(seats, decode([slots[seat].picture() for seat in seats]), strict=True)
            parent.sendall(bytes(_answer(seat, slots[seat], pixels) for seat, pixels in squares))


def _answer(seat: int, slot: Slot, pixels: NDArray[np.uint8] | None) -> int:
    if pixels is None:
        return seat | NOT_TAKEN
    slot.put_pixels(pixels)
    return seat


if __name__ == "__main__":
    main(sys.argv[1])
