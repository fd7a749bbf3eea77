"""Helpers."""

from remofile._remofile import check_file_name

__all__ = ["is_file_name_valid"]


def is_file_name_valid(name: str) -> bool:
    """Tell whether every server admits a name.

    That is a text of 1 to 255 bytes in UTF-8 without ``< > : " / \\ | ? *`` and control characters, and neither
    ``.`` nor ``..``.

    :param str name: the name of a file or directory, without a path.
    :rtype: bool
    """
    try:
        return check_file_name(name, True) is None
    except UnicodeEncodeError:
        return False
