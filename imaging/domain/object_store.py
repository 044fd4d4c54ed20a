"""A place in an object store."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from imaging.domain.base import Record

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<path>(?:(?!\.{1,2}/)[A-Za-z0-9._=-]+/)*)")


class ObjectStore(Record):
    """Where objects lie; never with what key they are read.

    Attributes
    ----------
    url
        `s3://BUCKET/…/`, which every key below begins with.
    endpoint
        Who serves the bucket, as `https://HOST[:PORT]`; empty for Amazon itself.
    region
        Of the bucket; empty where the store is asked for it.
    """

    url: str
    endpoint: str = ""
    region: str = ""

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        """What every key begins with."""
        return urlsplit(self.url).path.removeprefix("/")

    @property
    def named_well(self) -> bool:
        """Whether the address is one of a bucket and of folders in it."""
        return _URL.fullmatch(self.url) is not None

    def below(self, *names: str) -> ObjectStore:
        """Give a place inside this one."""
        return self.model_copy(update={"url": self.url + "".join(f"{name}/" for name in names)})
