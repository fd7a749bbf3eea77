"""Tokens: what a client proves that it may use a server with."""

from remofile._remofile import generate_token as _generate

__all__ = ["generate_token"]


def generate_token() -> str:
    """Make a new token: 22 letters and digits that nobody can guess.

    :return: the token, to be given to the server and to its clients.
    :rtype: str
    """
    return _generate()
