"""What can go wrong with sources and indexes; every message names the value, the rule and the next command."""

from __future__ import annotations

import errno

DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota on this disk is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EFBIG: "the file would be larger than is allowed here (ulimit -f)",
    errno.EEXIST: "a file has that name",
    errno.ENOTDIR: "a part of that path is a file",
    errno.EIO: "the disk reports an input/output error",
}
"""What the operating system says about a disk, in words."""


class IndexesError(Exception):
    """Base of this package's errors. Its text is shown to the user as it stands."""


class SourceError(IndexesError):
    """A source that cannot be read: missing, empty, or not what its name says."""


class EncoderError(IndexesError):
    """An encoder that is unknown, cannot be loaded, or is not the one an index was built with."""


class NotAnIndexError(IndexesError):
    """A folder that holds no index, or one this version cannot read."""


class CorruptIndexError(IndexesError):
    """An index whose files do not agree with its manifest or with each other."""


class BusyIndexError(IndexesError):
    """Another process is building into the same folder."""


class StorageError(IndexesError):
    """The disk is full, read-only, or failing."""


class NetworkError(IndexesError):
    """A server that cannot be reached, refuses, or keeps sending something wrong."""


class EngineError(IndexesError):
    """A distributed engine that is not installed, cannot be reached, or whose workers keep dying."""
