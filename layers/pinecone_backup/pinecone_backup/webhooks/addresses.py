"""Where a webhook may be sent: a well-formed endpoint, on public unicast addresses only.

A webhook's host is written by a person, and a name may resolve to anything: to the function's own
runtime on 127.0.0.1, to 169.254.x, to a neighbour in a private network. Python's ``is_global``
alone would let multicast and the tunnels pass, so the networks are named here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

_FORBIDDEN_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays into 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_UNICAST_6 = IPv6Network("2000::/3")
"""All that is assigned as global unicast; mapped, NAT64, local and multicast lie outside."""
_FORBIDDEN_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: hides an IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether ``address`` is a public unicast address that hides no other one.

    Args:
        address: An IPv4 or IPv6 address in text, as a resolver gives it. Anything else, an
            address with a zone (``fe80::1%eth0``) included, is not public.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _FORBIDDEN_4)
    return _is_public_6(parsed)


def _is_public_6(address: IPv6Address) -> bool:
    return (
        address.scope_id is None
        and address in _UNICAST_6
        and not any(address in network for network in _FORBIDDEN_6)
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook goes, taken apart; ``path`` carries secrets and is never shown.

    Attributes:
        host: A name or an address, in lower case, without brackets.
        path: With its query.
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Take a URL apart.

        Raises:
            ValueError: Saying what is wrong, without any part of the URL.
        """
        if not _PRINTABLE.fullmatch(url):
            raise ValueError("the URL must be 1 to 4,096 printable ASCII characters")
        parts = _split(url)
        if parts.scheme not in _PORTS:
            raise ValueError("the URL must begin with https://")
        if "@" in parts.netloc:
            raise ValueError("the URL must not carry a user or a password")
        if parts.fragment:
            raise ValueError("the URL must not carry a fragment (#...)")
        host = (parts.hostname or "").lower()
        if not _HOST.fullmatch(host):
            raise ValueError("the URL's host is not a name or an address")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, parts.port or _PORTS[parts.scheme], path)

    @property
    def authority(self) -> str:
        """The ``Host`` header: the port is named unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def place(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


_PORTS = {"https": 443, "http": 80}
_PRINTABLE = re.compile(r"[!-~]{1,4096}")
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is not a port
    except ValueError:
        raise ValueError("the URL's host or port is malformed") from None
    return parts
