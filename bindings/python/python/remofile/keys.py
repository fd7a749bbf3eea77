"""Keys: what a server proves that it is the right one with."""

from __future__ import annotations

from remofile._remofile import generate_keys as _generate

__all__ = ["generate_keys"]


def generate_keys() -> tuple[bytes, bytes]:
    """Make a pair of keys.

    :return: the public key, for clients, and the private key, for the server: 40 characters of Z85 each.
    :rtype: tuple[bytes, bytes]
    """
    return _generate()
