import asyncio
import gc
import gzip
import io
import socket
import time
from typing import Any

import pytest

from langgraph_deepsearch.tools.base import Reader, ReadError
from langgraph_deepsearch.tools.reader import HttpReader

ARTICLE = (
    "<html><head><title>Tea</title><meta name='date' content='2024-05-06'></head><body>"
    "<nav><a href='/home'>Home</a><a href='https://other.test/a#x'>Other</a></nav><article>"
    "<h1>Tea</h1>"
    + "<p>Tea is a drink made from leaves, and people like it much.</p>" * 5
    + "</article></body></html>"
)


def pdf_bytes(text: str) -> bytes:
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = io.BytesIO(b"%PDF-1.4\n"), []
    out.seek(0, 2)
    for number, item in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, item))
    start = out.tell()
    out.write(b"xref\n0 6\n0000000000 65535 f \n")
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start)
    return out.getvalue()


@pytest.fixture
def reader(site: Any) -> HttpReader:
    return HttpReader(allow_private=site.host, timeout=5)


def test_article_without_its_navigation(site: Any, reader: Reader, serve_page: Any) -> None:
    assert isinstance(reader, Reader)
    site.routes["/tea"] = serve_page(ARTICLE.encode(), "text/html; charset=utf-8")
    page = reader.read(site.url + "/tea")
    assert page.title == "Tea"
    assert page.date == "2024-05-06"
    assert "Tea is a drink made from leaves" in page.text
    assert "Home" not in page.text
    assert page.links == (
        ("Home", site.url + "/home"),
        ("Other", "https://other.test/a"),
    )
    assert site.requests[0][2]["Host"] == site.host


async def test_async_form_agrees(site: Any, reader: HttpReader, serve_page: Any) -> None:
    site.routes["/tea"] = serve_page(ARTICLE.encode())
    page = await reader.aread(site.url + "/tea")
    assert page == reader.read(site.url + "/tea")  # the sync form works inside a loop too


def open_sockets() -> int:
    gc.collect()
    found = [o for o in gc.get_objects() if isinstance(o, socket.socket)]
    return sum(one.fileno() >= 0 for one in found)


def test_async_form_survives_several_loops_and_leaves_no_socket(
    site: Any, reader: HttpReader, serve_page: Any
) -> None:
    site.routes["/tea"] = serve_page(ARTICLE.encode())
    before = open_sockets()
    pages = [asyncio.run(reader.aread(site.url + "/tea")) for _ in range(3)]
    assert "Tea is a drink" in pages[0].text
    assert pages == pages[:1] * 3
    patience = time.monotonic() + 10
    while open_sockets() > before and time.monotonic() < patience:
        time.sleep(0.05)  # the server, in this process too, closes its side a moment later
    assert open_sockets() <= before


@pytest.mark.parametrize(
    ("encoding", "header", "meta"),
    [
        ("iso-8859-1", "text/html; charset=iso-8859-1", ""),
        ("cp1251", "text/html; charset=windows-1251", ""),
        ("iso-8859-15", "text/html", "<meta charset='iso-8859-15'>"),
        (
            "shift_jis",
            "text/html",
            "<meta http-equiv=c content='text/html; charset=Shift_JIS'>",
        ),
        ("utf-8", "text/html; charset=iso-8859-1", ""),
        ("utf-8", "text/html; charset=nonsense", ""),
        ("utf-16", "text/html", ""),
    ],
)
def test_charset_from_header_meta_or_the_bytes(
    site: Any, reader: HttpReader, serve_page: Any, encoding: str, header: str, meta: str
) -> None:
    words = {"cp1251": "Чай это напиток", "shift_jis": "お茶は飲み物です"}
    wanted = words.get(encoding, "Café crème brûlée")
    html = f"<html><head>{meta}<title>t</title></head><body><p>{(wanted + '. ') * 20}</p>"
    site.routes["/c"] = serve_page(html.encode(encoding), header)
    assert wanted in reader.read(site.url + "/c").text


def test_charset_is_guessed_when_nothing_declares_it(
    site: Any, reader: HttpReader, serve_page: Any
) -> None:
    text = "Чай это напиток, который готовят из листьев чайного куста и пьют горячим. " * 8
    site.routes["/g"] = serve_page(text.encode("cp1251"), "text/plain")
    assert "напиток" in reader.read(site.url + "/g").text


def test_pdf_text_in_one_download(site: Any, reader: HttpReader, serve_page: Any) -> None:
    for kind in ("application/pdf", "application/octet-stream", ""):
        site.routes["/p"] = serve_page(pdf_bytes("Tea leaves of Assam"), kind)
        assert reader.read(site.url + "/p").text == "Tea leaves of Assam"
    assert len(site.requests) == 3


@pytest.mark.parametrize("body", [b"%PDF-1.4\nrubbish", pdf_bytes("")])
def test_pdf_without_text_is_an_error(
    site: Any, reader: HttpReader, serve_page: Any, body: bytes
) -> None:
    site.routes["/p"] = serve_page(body, "application/pdf")
    with pytest.raises(ReadError, match="PDF"):
        reader.read(site.url + "/p")


def test_huge_page_is_cut_and_huge_pdf_refused(site: Any, serve_page: Any) -> None:
    reader = HttpReader(allow_private=site.host, max_bytes=20_000, max_pdf_bytes=30_000)
    big = ("<html><body>" + "<p>Tea is a drink made of leaves.</p>" * 100_000).encode()
    site.routes["/big"] = serve_page(big)
    page = reader.read(site.url + "/big")
    assert page.metadata["truncated"] is True
    assert page.metadata["bytes"] == 20_000
    assert "Tea is a drink" in page.text
    site.routes["/pdf"] = serve_page(pdf_bytes("x" * 25_000), "application/pdf")
    assert "xxx" in reader.read(site.url + "/pdf").text
    site.routes["/pdf"] = serve_page(pdf_bytes("x" * 30_000), "application/pdf")
    with pytest.raises(ReadError, match="larger than 30,000 bytes"):
        reader.read(site.url + "/pdf")


def test_small_transfer_that_expands_is_cut(site: Any, serve_page: Any) -> None:
    reader = HttpReader(allow_private=site.host, max_bytes=100_000)
    bomb = gzip.compress(b"<p>tea leaves and water</p>" * 1_000_000)
    site.routes["/z"] = serve_page(bomb, "text/html", Content_Encoding="gzip")
    assert reader.read(site.url + "/z").metadata["bytes"] == 100_000


def drip(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"<p>tea</p>")
        handler.wfile.flush()
        time.sleep(0.05)


def drip_headers(handler: Any) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("route", [drip, drip_headers])
def test_dripping_page_holds_no_longer_than_the_total_limit(site: Any, route: Any) -> None:
    reader = HttpReader(allow_private=site.host, timeout=0.4)
    site.routes["/drip"] = route
    for read in (reader.read, lambda url: asyncio.run(reader.aread(url))):
        started = time.monotonic()
        with pytest.raises(ReadError, match=r"not read within 0\.4 s") as caught:
            read(site.url + "/drip")
        assert caught.value.retryable
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("status", "passing"), [(404, False), (403, False), (429, True), (503, True)]
)
def test_error_page_is_an_error_and_never_content(
    site: Any, reader: HttpReader, serve_page: Any, status: int, passing: bool
) -> None:
    site.routes["/e"] = serve_page(ARTICLE.encode(), status=status)
    with pytest.raises(ReadError, match=f"status {status}") as caught:
        reader.read(site.url + "/e")
    assert caught.value.retryable is passing


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "text/html"),
        (b"<html><body><script>x()</script></body></html>", "text/html"),
        (b"   \n ", "text/plain"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "application/octet-stream"),
        (b"PK\x03\x04\0\0", "text/html"),
    ],
)
def test_page_without_text_is_an_error(
    site: Any, reader: HttpReader, serve_page: Any, body: bytes, kind: str
) -> None:
    site.routes["/e"] = serve_page(body, kind)
    with pytest.raises(ReadError) as caught:
        reader.read(site.url + "/e")
    assert "\n" not in str(caught.value)


def test_redirects_are_followed_to_the_final_address(
    site: Any, reader: HttpReader, serve_page: Any
) -> None:
    site.routes["/1"] = serve_page(b"", status=301, Location="/2")
    site.routes["/2"] = serve_page(b"", status=307, Location=site.url + "/tea")
    site.routes["/tea"] = serve_page(ARTICLE.encode())
    assert reader.read(site.url + "/1").url == site.url + "/tea"


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:1/",
        "file:///etc/passwd",
    ],
)
def test_redirect_to_a_private_place_is_refused(
    site: Any, reader: HttpReader, serve_page: Any, target: str
) -> None:
    site.routes["/r"] = serve_page(b"", status=302, Location=target)
    with pytest.raises(ReadError, match=r"allow_private|only http"):
        reader.read(site.url + "/r")


def test_redirect_loop_ends(site: Any, reader: HttpReader, serve_page: Any) -> None:
    site.routes["/l"] = serve_page(b"", status=302, Location="/l")
    with pytest.raises(ReadError, match="more than 5 redirects"):
        reader.read(site.url + "/l")
    assert len(site.requests) == 6


def test_private_server_is_not_even_connected_to(site: Any) -> None:
    with pytest.raises(ReadError, match="allow_private"):
        HttpReader().read(site.url + "/")
    assert site.requests == []


def test_connection_goes_to_the_address_that_was_checked(
    site: Any, serve_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves differently the second time (DNS rebinding) gains nothing."""
    asked: list = []

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> list:
        asked.append(host)
        ip = "127.0.0.1" if asked.count("tea.test") <= 1 else "127.9.9.9"
        return [(2, 1, 6, "", (ip, port))]

    site.routes["/tea"] = serve_page(ARTICLE.encode())
    port = site.host.partition(":")[2]
    monkeypatch.setattr("socket.getaddrinfo", resolve)
    page = HttpReader(allow_private=f"tea.test:{port}").read(f"http://tea.test:{port}/tea")
    assert page.title == "Tea"
    assert asked.count("tea.test") == 1
    assert site.requests[0][2]["Host"] == f"tea.test:{port}"


def test_server_that_is_down_is_one_clear_line(site: Any) -> None:
    reader = HttpReader(allow_private="127.0.0.1", timeout=3)
    with pytest.raises(ReadError, match="cannot connect"):
        reader.read("http://127.0.0.1:1/")
