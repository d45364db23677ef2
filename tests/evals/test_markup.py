import doctest
import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.evals import charts, markup
from langgraph_deepsearch.evals.charts import bin_edges
from langgraph_deepsearch.evals.markup import element, link


def test_doctests_hold():
    assert doctest.testmod(markup).failed == 0
    assert doctest.testmod(charts).failed == 0


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


@given(st.text(), st.text())
def test_text_and_attributes_come_out_as_they_went_in(text, title):
    read = Reader(element("p", text, title=title))
    assert read.tags == [("p", {"title": title})]
    assert "".join(read.texts) == html.unescape(html.escape(text))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//[", "", "ftp://x"]
)
def test_only_web_addresses_become_links(url):
    assert link(url, "<x>") == "&lt;x&gt;"
    assert link("https://a.test/?q='\"><script>", "x").count("<") == 2


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50))
def test_bins_cover_every_value_once_and_are_few(values):
    edges = bin_edges(values)
    assert len(edges) <= charts.MOST_BINS
    assert all(sum(low <= v <= high for low, high in edges) == 1 for v in values)
