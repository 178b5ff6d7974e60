"""How bulk text travels inside a JSON payload: gzip, then base64.

A list of calls shrinks to about a third this way, base64 included, so that a
chunk of several thousand lines stays far below the payload limit of 6 MB.
"""

import base64
import gzip


def pack(raw):
    """bytes -> str"""
    return base64.b64encode(gzip.compress(raw, 1)).decode("ascii")


def unpack(text):
    """str -> bytes"""
    return gzip.decompress(base64.b64decode(text))
