"""Reverse proxies that are trusted: what they say about the client, and what nobody else may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from runlog.errors import InvalidParameter
from runlog.server.addresses import parsed, plain

Environ = Mapping[str, Any]


class Proxies:
    """The addresses of trusted proxies, `10.0.0.1` or `10.0.0.0/24`, and the name of the header in
    which they say who the user is. Raises InvalidParameter for what is no address."""

    def __init__(self, addresses: Iterable[str] = (), user_header: str | None = None) -> None:
        self._networks = [_network(each) for each in addresses]
        self._user_key = "HTTP_" + user_header.upper() if user_header else None
        if user_header and not (user_header.isascii() and user_header.isalnum()):
            raise InvalidParameter(
                f"user header {user_header!r}: use a name of letters and digits, RemoteUser for "
                "example. With dashes a client could send one with underscores instead, past the "
                "proxy, which a WSGI server takes for the same"
            )
        if user_header and not self._networks:
            raise InvalidParameter(
                f"a user header ({user_header}) needs the proxy's address, or anyone could send "
                "it: name that with --trusted-proxies"
            )

    def address(self, environ: Environ) -> str:
        """Return the client's address. What proxies passed on is read from the right, since the
        client may have written the left; some write ports, and IPv6 addresses in brackets."""
        peer = plain(environ.get("REMOTE_ADDR", ""))
        if not self.trusts(peer):
            return peer
        for each in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            address = parsed(each.strip())
            if address is None:
                break
            peer = str(address)
            if not self.trusts(peer):
                break
        return peer

    def user(self, environ: Environ) -> str | None:
        """Return the user that the proxy vouches for, if there is one."""
        if self._user_key and self.trusts(environ.get("REMOTE_ADDR", "")):
            return environ.get(self._user_key) or None
        return None

    def is_https(self, environ: Environ) -> bool:
        """Return whether the client's side of the connection is encrypted."""
        if environ.get("wsgi.url_scheme") == "https":
            return True
        said: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
        return said.lower() == "https" and self.trusts(environ.get("REMOTE_ADDR", ""))

    def trusts(self, address: str) -> bool:
        if not self._networks:
            return False
        found = parsed(address)
        return found is not None and any(found in each for each in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text.strip())
        if isinstance(network, IPv6Network) and network.prefixlen >= 96:
            mapped = network.network_address.ipv4_mapped
            return network if mapped is None else IPv4Network((mapped, network.prefixlen - 96))
        return network
    except ValueError as error:
        raise InvalidParameter(
            f"trusted proxy {text!r}: write an address or a network, such as 10.0.0.1 or "
            f"10.0.0.0/24 ({error})"
        ) from None
