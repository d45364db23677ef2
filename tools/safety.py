"""What may be fetched from the network, and when two addresses are the same page.

A page's address comes from a search engine, another page or a model, so it is hostile
until shown otherwise: it could name the cloud's metadata service or a database on this
machine. Names are resolved first, every address they resolve to is checked, and the
reader connects to the checked address itself, so a second, different DNS answer is
never asked for.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit

from .base import ReadError

SCHEMES = {"http": 80, "https": 443}
"""Schemes that are fetched, with their default ports."""

TRACKING = frozenset({"fbclid", "gclid", "dclid", "msclkid", "mc_cid", "mc_eid", "igshid"})
"""Query parameters that say where a visitor came from and never what the page is."""

_SPACE = re.compile(r"\s")
_FETCHED = re.compile(r"\Ahttps?://")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class UnsafeUrlError(ReadError):
    """An address that must not be fetched."""


class Target(NamedTuple):
    """A checked URL taken apart."""

    url: str
    scheme: str
    host: str
    port: int


def parse_allowed(allow_private: str | Iterable[str]) -> tuple[str, ...]:
    """Return allowed private hosts, lower case and sorted.

    Args:
        allow_private: `host` or `host:port` entries, a list or comma-separated.

    >>> parse_allowed("LOCALHOST:8080, 10.0.0.7")
    ('10.0.0.7', 'localhost:8080')
    """
    entries = allow_private.split(",") if isinstance(allow_private, str) else allow_private
    return tuple(sorted({entry.strip().lower() for entry in entries if entry.strip()}))


def check_url(url: str) -> Target:
    """Return the parts of a URL that may be asked for.

    Raises:
        UnsafeUrlError: not http(s), no host, credentials in it, or not a URL at all.
    """
    cleaned = url.strip()
    parts, port = _split(cleaned)
    if parts.scheme not in SCHEMES:
        msg = (
            f"{_short(url)!r}: only http and https pages are read; give a full web address"
        )
        raise UnsafeUrlError(msg)
    if parts.username is not None or parts.password is not None:
        msg = f"{parts.hostname}: an address with a user name or password is not read"
        raise UnsafeUrlError(msg)
    host = (parts.hostname or "").rstrip(".")
    if not host or any(character.isspace() or ord(character) < 32 for character in cleaned):
        msg = f"{_short(url)!r}: not a valid web address"
        raise UnsafeUrlError(msg)
    return Target(cleaned, parts.scheme, host, port or SCHEMES[parts.scheme])


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError as error:
        msg = f"{_short(url)!r}: not a valid web address ({error})"
        raise UnsafeUrlError(msg) from error


async def safe_addresses(target: Target, allowed: Collection[str] = ()) -> list[str]:
    """Resolve a host and return addresses that may be connected to.

    Args:
        target: from `check_url`.
        allowed: from `parse_allowed`.

    Raises:
        UnsafeUrlError: any of the host's addresses is not a public one.
        ReadError: the host has no address.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        msg = f"{target.host}: no such host ({error})"
        raise ReadError(msg) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if target.host in allowed or f"{target.host}:{target.port}" in allowed:
        return addresses
    for address in addresses:
        if not is_public(address):
            msg = (
                f"{target.host}:{target.port} is a private address ({address}) and is not "
                "read; add it to allow_private to permit it"
            )
            raise UnsafeUrlError(msg)
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, Teredo, NAT64) are judged too.

    >>> is_public("93.184.215.14"), is_public("::ffff:127.0.0.1"), is_public("169.254.169.254")
    (True, False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _embedded(ip)
        if inner is not None and not is_public(str(inner)):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


@lru_cache(maxsize=10_000)
def normalize_url(url: str) -> str:
    """Return the one spelling of an address under which a page is known.

    Scheme and host in lower case; no fragment, default port, tracking parameters or
    trailing slash. What is no URL comes back as it is, stripped.

    >>> normalize_url("HTTP://Example.com:80/a/?utm_source=x&q=1#part")
    'http://example.com/a?q=1'
    """
    cleaned = url.strip()
    try:
        parts = urlsplit(_SPACE.sub("%20", cleaned))
        host, port = parts.hostname, parts.port
    except ValueError:
        return cleaned
    if not host:
        return cleaned
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != SCHEMES.get(parts.scheme):
        place = f"{place}:{port}"
    if "@" in parts.netloc:
        place = f"{parts.netloc.rpartition('@')[0]}@{place}"
    query = "&".join(part for part in parts.query.split("&") if part and not _tracks(part))
    # The root keeps no slash either, so that a bare host and its root are one page.
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), query, ""))


def page_key(url: str) -> str:
    """Return what a page is known by: its address, one for http and https.

    >>> page_key("http://w.test/a/") == page_key("https://w.test/a#b")
    True
    """
    return _FETCHED.sub("//", normalize_url(url))


def _tracks(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name.startswith("utm_") or name in TRACKING


def _short(url: str) -> str:
    one_line = " ".join(url.split())
    return one_line if len(one_line) <= 80 else one_line[:77] + "..."
