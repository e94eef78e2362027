"""Addresses of clients, in one spelling each: what limits count by and logs show."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")  # [::1]:443, [::1], 10.0.0.1:443


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is, without port, brackets and zone; None if it is none. An
    IPv4 address that came over an IPv6 socket, `::ffff:10.0.0.1`, is an IPv4 address."""
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2] or ""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def plain(text: str) -> str:
    """Return the usual spelling of an address, as `parsed` reads it; what is none stays what it
    is."""
    if ":" not in text:  # nearly all of them
        return text
    address = parsed(text)
    return text if address is None else str(address)


@lru_cache(10_000)
def network(text: str) -> str:
    """Return what stands for whoever has an address: itself, or of an IPv6 address the first half,
    since one customer has all of the second."""
    address = parsed(text)
    if address is None:
        return text[:100]
    return str(address) if address.version == 4 else address.exploded[:19]
