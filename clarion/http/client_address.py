"""The client address of a connection, for limits.

It is the address of the peer, unless the peer is a proxy in `CLARION_TRUSTED_PROXIES`: then
`X-Forwarded-For` is read from the nearest hop outwards up to the first untrusted one. Entries
written by the client itself lie beyond that hop and are ignored. IPv6 addresses count by their /64,
the usual allocation of a household or machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

IPV6_PREFIX = 64
UNKNOWN = ""
"""The peer has no IP address: a socket of this machine."""


def address_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The name under which a connection is counted; `forwarded` are the header's values."""
    address = read_address(peer)
    if address is None:
        return UNKNOWN
    if trusted and forwarded:
        for hop in reversed(",".join(forwarded).split(",")):
            if not any(address in network for network in trusted):
                break
            further = read_address(hop)
            if further is None:
                break
            address = further
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> IPV6_PREFIX << IPV6_PREFIX, IPV6_PREFIX)))
    return str(address)


def read_address(text: str) -> Address | None:
    """An address as proxies write it, perhaps with a port; `None` for what is none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
