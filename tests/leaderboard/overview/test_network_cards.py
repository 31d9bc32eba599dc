"""Cards in the page: whole, without markup of their own, and found from the table of networks."""

from __future__ import annotations

import re

from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.page.network_cards import card_html, network_cards
from avsal_bench.leaderboard.page.rendering import render


def test_the_page_has_a_card_of_each_network() -> None:
    text = render("cards.html", cards=network_cards())
    assert sorted(re.findall(' id="([^"]*)"', text)) == sorted(
        ["cards", "cards-title", *(f"card-{one.name}" for one in network_cards())]
    )
    assert {"avrsp", "stavis", "unisal", "tinyhd"} <= {one.name for one in network_cards()}
    assert facts().network("stavis").shown in [one.title for one in network_cards()]
    assert " src=" not in text
    assert all(link.startswith("https://") for link in re.findall('href="([^"]*)"', text))
    [stavis] = (one.html for one in network_cards() if one.name == "stavis")
    assert "<h3>Is it the authors' network?</h3>" in stavis
    assert "equal to the authors' code but for rounding" in stavis
    assert "STAViS (Tsiami et al. 2020): What it takes" in re.findall('aria-label="([^"]*)"', stavis)


def test_markup_of_a_text_is_text_and_the_keyboard_scrolls_what_is_wide() -> None:
    text = "## A <b>\n\n<script>x</script> [a](javascript:1) ![i](http://h/x.png)\n\n"
    text += "| n |\n| ---: |\n| <i> \\| 1 |\n\n```\na <b>\n```\n"
    html = card_html(text, 'T "<u>"')
    assert not re.search("<script|<b>|<u>|<i>|href|style=", html)
    assert '<th class="num" scope="row">&lt;i&gt; | 1</th>' in html
    assert "<caption>T &#34;&lt;u&gt;&#34;: A &lt;b&gt;</caption>" in html
    assert '<th class="num" scope="col">' in html
    assert '<pre tabindex="0">a &lt;b&gt;\n</pre>' in html
    assert 'aria-label="T &#34;&lt;u&gt;&#34;: A &lt;b&gt;"' in html
