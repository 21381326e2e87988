"""
What a decoding process imports that is to use the GPU: ``DecodePool(decoder="inference.decode_cuda:decode")``.

The device is opened by the import, since a process's memory is limited after it: CUDA maps more than any limit allows.
"""

from typing import Final

from inference.decode_device import DeviceDecoder

decode: Final = DeviceDecoder("cuda")
