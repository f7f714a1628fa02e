import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ofa.deploy import Attempt, class_accuracies, render_report
from ofa.deploy.layer_times import LayerTime
from ofa.deploy.report import precision_advice


class Page(HTMLParser):
    """Text, links and outline of a page; complains about tags that do not close."""

    void = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.headings, self.sources, self.ids = [], [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self._note(tag, dict(attrs))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)

    def _note(self, tag, attributes):
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        for name in ("src", "href", "xlink:href", "action", "data"):
            if name in attributes:
                self.sources.append(attributes[name])
        if "id" in attributes:
            self.ids.append(attributes["id"])


def page_of(data):
    return Page(render_report(data))


def test_the_page_shows_what_was_asked_predicted_and_measured(report_data):
    text = page_of(report_data).text

    assert "93.87 % top-1 at 7.61 ms (estimated) on Phone <One>" in text
    for shown in ("8.00 ms", "asked", "94.21 %", "94.05 %", "± 0.18 points"):
        assert shown in text
    assert "calibrated, 90 % interval 6.90 ms to 7.90 ms" in text


def test_the_ladder_the_layers_and_the_rivals_are_shown(report_data):
    text = page_of(report_data).text

    bar = "logits within 0.0001, same labels but for ties within that"
    assert f"subnet to onnxruntime-fp32 {bar} 2.0e-06 0 93.87 %" in text
    assert "stage 1, block 1 5.61 ms 74 %" in text
    assert "random search with as many evaluations, and the 1 best uniform subnets" in text


def test_a_rejected_bundle_says_so_before_anything_else(report_data, manifest):
    bad = replace(manifest.ladder.rungs[0], max_abs_error=0.3)
    ladder = replace(manifest.ladder, rungs=(bad,))

    text = page_of(replace(report_data, manifest=replace(manifest, ladder=ladder))).text

    assert "This bundle is rejected. subnet to onnxruntime-fp32: logits differ" in text


def test_searches_that_were_needed_to_keep_a_budget_are_told(report_data, manifest):
    attempts = tuple(
        Attempt(searched_ms=8.0 - i, estimated_ms=7.9 - i, measured_ms=8.4 - i) for i in range(2)
    )

    text = page_of(replace(report_data, manifest=replace(manifest, attempts=attempts))).text

    assert "How the budget was kept" in text
    assert "8.40 ms" in text and "7.40 ms" in text
    assert "How the budget was kept" not in page_of(report_data).text


@pytest.mark.parametrize(
    ("latency_ms", "num_bytes", "verdict"),
    [
        (2.0, 100, "int8 pays: 2.00 times faster, 4.0 times smaller, 0.30 points less accurate."),
        (4.0, 100, "int8 does not pay in latency on this machine"),
        (
            8.0,
            500,
            "int8 does not pay: it is slower on this machine (0.50 times the speed of fp32)",
        ),
    ],
)
def test_reduced_precision_is_said_to_pay_only_where_it_does(
    manifest, latency_ms, num_bytes, verdict
):
    here = replace(manifest.estimated, label="measured", latency_ms=4.0)
    portable = replace(manifest.engines[0], num_bytes=400, here=here)
    small = replace(
        portable, name="small", precision="int8", num_bytes=num_bytes, top1=93.57,
        here=replace(here, latency_ms=latency_ms),
    )  # fmt: skip

    said = precision_advice(replace(manifest, engine="small", engines=(portable, small)))

    assert said.startswith(verdict)
    assert precision_advice(manifest) == ""


def test_top1_is_that_of_the_engine_which_counted_it(report_data, manifest):
    meant = replace(manifest.engines[0], name="tensorrt-int8", top1=None)
    unrun = replace(manifest, engine="tensorrt-int8", engines=(*manifest.engines, meant))

    text, text_of_unrun = (
        page_of(replace(report_data, manifest=one)).text for one in (manifest, unrun)
    )

    told = "93.87 % on 10,000 test images, by"
    assert f"{told} this engine" in text and "portable engine" not in text
    assert f"{told} the portable engine; this one was not run here" in text_of_unrun
    assert "by this engine" not in text_of_unrun


def test_the_latency_where_it_was_built_is_that_of_the_engine_which_was_timed(
    report_data, manifest
):
    built = replace(manifest.estimated, latency_ms=0.25, label="measured", machine="a laptop")
    own = replace(manifest, measured_at_build=built, timed_at_build="onnxruntime-fp32")
    meant = replace(manifest.engines[0], name="tensorrt-int8")
    others = replace(own, engine="tensorrt-int8", engines=(*manifest.engines, meant))

    text, text_of_others = (
        page_of(replace(report_data, manifest=one)).text for one in (own, others)
    )

    row = "Latency where it was built – – 0.250 ms"
    assert f"{row} 90 % interval" in text
    assert f"{row} of the portable engine; this one was not timed here; 90 %" in text_of_others


def test_the_page_needs_nothing_from_outside(report_data):
    html = render_report(report_data)

    assert all(source.startswith("#") for source in Page(html).sources)
    assert "default-src 'none'" in html
    assert not re.search(r"url\((?!#)|@import|<script", html)


def test_the_page_is_well_formed_and_its_headings_are_in_order(report_data):
    page = page_of(report_data)

    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:]))
    assert len(page.ids) == len(set(page.ids))


def test_names_from_outside_cannot_become_markup(report_data):
    html = render_report(report_data)

    assert "Phone <One>" not in html
    assert "ofa deploy <x>" not in html
    assert "shirt & tie" not in html
    assert "Phone &lt;One&gt;" in html


def test_an_extrapolated_latency_is_called_so_before_anything_else(report_data, manifest):
    doubtful = replace(manifest.estimated, label="uncalibrated", low_ms=2.0, high_ms=20.0)
    changed = replace(report_data, manifest=replace(manifest, estimated=doubtful))

    text = page_of(changed).text

    assert "The latency is extrapolated." in text
    assert text.index("extrapolated") < text.index("Asked, predicted, measured")
    assert "extrapolated" not in page_of(report_data).text


@pytest.mark.parametrize(
    ("latency_ms", "high_ms", "notice"),
    [
        (7.0, 7.5, None),
        (7.0, 8.5, "The interval reaches beyond the budget."),
        (8.2, 8.5, "The budget is missed."),
    ],
)
def test_a_measured_latency_is_held_against_the_budget(
    report_data, manifest, latency_ms, high_ms, notice
):
    measured = replace(
        manifest.estimated, label="measured", latency_ms=latency_ms, low_ms=6.8, high_ms=high_ms
    )
    changed = replace(report_data, manifest=replace(manifest, measured=measured))

    html = render_report(changed)

    assert "(estimated)" not in Page(html).text.split("Subnet")[0]
    if notice:
        assert notice in html
    else:
        assert 'class="notice"' not in html


def test_every_block_is_drawn_and_every_place_left_empty(report_data):
    html = render_report(report_data)

    assert html.count("<polygon") == 4
    assert html.count("left out") == 1
    assert html.count('class="tap"') == 5 * 5 + 3 * 3 + 5 * 5
    assert "kernel 5×5<br>8 → 24 (×3)" in html


def test_a_class_is_shown_with_the_one_it_is_mistaken_for(report_data):
    coat, shirt, boot = report_data.classes

    assert (shirt.top1, shirt.num_images) == (25.0, 4)
    assert (shirt.rival, shirt.rival_percent) == ("coat", 50.0)
    assert (coat.rival, coat.rival_percent) == ("shirt & tie", pytest.approx(100 / 3))
    assert (boot.top1, boot.rival) == (100.0, None)


def test_a_class_without_images_has_no_accuracy():
    found = class_accuracies(np.array([1, 1]), np.array([1, 0]), ("a", "b", "c"))

    assert [one.name for one in found] == ["b"]


def test_of_many_classes_the_hardest_are_shown_and_their_number_told(report_data):
    names = [f"class {i}" for i in range(30)]
    labels = np.repeat(np.arange(30), 30)
    predicted = np.where(np.tile(np.arange(30), 30) < labels, 0, labels)
    classes = class_accuracies(labels, predicted, names)

    text = page_of(replace(report_data, classes=classes)).text

    assert "the 20 hardest of 30" in text
    assert text.index("class 29") < text.index("class 28")
    assert "class 5 " not in text


def test_a_subnet_that_was_fine_tuned_has_no_predicted_accuracy(report_data, manifest):
    assert "Nothing was trained again" in page_of(report_data).text
    top1 = replace(manifest.top1, predicted=None, predicted_rmse=None)
    tuned = replace(manifest, top1=top1, finetuned_epochs=10)

    text = page_of(replace(report_data, manifest=tuned)).text

    assert "trained further by itself, for 10 epochs." in text
    assert "Nothing was trained again" not in text
    assert "94.21 %" not in text
    assert "The star is the chosen one, after fine-tuning" in text


def test_of_images_that_are_not_the_supernets_no_front_is_shown(report_data, manifest):
    top1 = replace(manifest.top1, predicted=None, predicted_rmse=None)
    moved = replace(manifest, top1=top1, finetuned_epochs=1, transferred=True)

    page = page_of(replace(report_data, manifest=moved, picture=None))

    assert "for 1 epoch, on other images than the supernet's" in page.text
    assert "The front" not in page.text


def test_a_layer_that_no_clock_resolves_is_not_shown_to_the_picosecond(report_data):
    layers = (LayerTime(name="mean", latency_ms=6.04e-7),)

    text = render_report(replace(report_data, layers=layers))

    assert "&lt;\N{NO-BREAK SPACE}0.001\N{NO-BREAK SPACE}ms" in text
    assert "e-07" not in text.partition("Where the milliseconds go")[2].partition("</section>")[0]


def test_tables_that_fold_on_a_phone_stay_tables_to_a_screen_reader(report_data):
    html = render_report(report_data)
    folding = re.findall(r'<table class="promises".*?</table>', html, flags=re.DOTALL)

    assert len(folding) == 3
    for table in folding:
        assert 'role="table"' in table
        body = table[table.index("<tbody") :]
        for tag, role in (("tr", "row"), ("th", "rowheader"), ("td", "cell")):
            tags = re.findall(rf"<{tag}\b[^>]*>", body)
            assert tags and all(f'role="{role}"' in found for found in tags)


def test_a_choice_is_said_to_be_the_best_measured_only_where_it_is(report_data):
    picked = replace(report_data, picture=replace(report_data.picture, is_best_measured=False))

    measured, predicted = page_of(report_data).text, page_of(picked).text

    assert "the best of these is taken" in measured and "by this it was chosen" in measured
    assert "the best of these is taken" not in predicted
    assert "it was chosen by prediction" in predicted
