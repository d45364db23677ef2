import doctest
import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_deepsearch.tools import safety
from langgraph_deepsearch.tools.safety import (
    UnsafeUrlError,
    check_url,
    is_public,
    normalize_url,
    page_key,
    parse_allowed,
    safe_addresses,
)


def test_doctests_hold() -> None:
    assert doctest.testmod(safety) == (4, 0) or doctest.testmod(safety).failed == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "javascript:alert(1)",
        "example.com/page",
        "http://",
        "http:///path",
        "http://user:secret@example.com/",
        "http://user@example.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://exa mple.com/",
        "http://example.com/a\nHost: evil",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(UnsafeUrlError) as caught:
        check_url(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::a00:1]",
    ],
)
async def test_private_addresses_are_refused_however_written(host: str) -> None:
    with pytest.raises(UnsafeUrlError, match="allow_private"):
        await safe_addresses(check_url(f"http://{host}/"))


async def test_one_private_answer_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*args: object, **kwargs: object) -> list:
        return [(2, 1, 6, "", (ip, 80)) for ip in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    with pytest.raises(UnsafeUrlError, match=r"10\.0\.0\.1"):
        await safe_addresses(check_url("http://rebind.test/"))


async def test_allowed_by_host_or_by_host_and_port_only() -> None:
    target = check_url("http://127.0.0.1:8123/")
    assert await safe_addresses(target, parse_allowed("127.0.0.1")) == ["127.0.0.1"]
    assert await safe_addresses(target, parse_allowed(["127.0.0.1:8123"])) == ["127.0.0.1"]
    for other in ("127.0.0.1:8124", "localhost", "127.0.0"):
        with pytest.raises(UnsafeUrlError):
            await safe_addresses(target, parse_allowed(other))


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_is_judged_the_same_inside_ipv6(
    ip: ipaddress.IPv4Address,
) -> None:
    mapped = ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + ip.packed)
    assert is_public(str(mapped)) == is_public(str(ip))
    if not is_public(str(ip)):
        sixtofour = ipaddress.IPv6Address(b"\x20\x02" + ip.packed + b"\0" * 10)
        assert not is_public(str(sixtofour))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://Example.com", "http://example.com/"),
        ("https://a.test:443/x", "https://a.test/x"),
        ("http://a.test/x/", "http://a.test/x"),
        ("http://a.test/x?utm_source=n&b=1", "http://a.test/x?b=1#top"),
        ("http://a.test/x?fbclid=9", "http://a.test/x"),
    ],
)
def test_spellings_of_one_page_are_one(one: str, other: str) -> None:
    assert normalize_url(one) == normalize_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.test/x", "https://a.test/x"),
        ("http://a.test/x", "http://a.test/X"),
        ("http://a.test/x?a=1&b=2", "http://a.test/x?b=2&a=1"),
        ("http://a.test:8080/x", "http://a.test/x"),
        ("http://a.test/?q=%2F", "http://a.test/?q=/"),
    ],
)
def test_different_pages_stay_different(one: str, other: str) -> None:
    assert normalize_url(one) != normalize_url(other)


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("http://a.test:80/x/", "https://a.test:443/x#y", True),
        ("http://a.test/x", "//a.test/x", True),
        ("http://a.test/x", "ftp://a.test/x", False),
        ("http://a.test/x", "a.test/x", False),
        ("http://a.test:8080", "https://a.test", False),
    ],
)
def test_a_page_is_one_over_http_and_https(one: str, other: str, is_one: bool) -> None:
    assert (page_key(one) == page_key(other)) is is_one


URLS = st.builds(
    "{}://{}{}/{}?{}#{}".format,
    st.sampled_from(["http", "HTTPS", "corpus"]),
    st.sampled_from(["A.test", "[::1]", "x.y.z", "1.2.3.4"]),
    st.sampled_from(["", ":80", ":443", ":9", ":bad"]),
    st.text("ab/%?&=.~ü ", max_size=12),
    st.text("utm_=&ab%", max_size=12),
    st.text("ab", max_size=3),
)


@example("http://A.test/ ?#")
@example("http://A.test/a? &utm_x=1 ")
@given(st.one_of(URLS, st.text(max_size=40)))
def test_normalizing_twice_changes_nothing_more(url: str) -> None:
    once = normalize_url(url)
    assert normalize_url(once) == once
