"""What an evaluation leaves on disk."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from toy import toy_faces

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.data.faces import Faces
from emotiw_cli.ensemble.fit import Plan
from emotiw_cli.ensemble.make import make_bundle
from emotiw_cli.errors import BusyError
from emotiw_cli.evaluation.evaluate import Evaluation, evaluate
from emotiw_cli.evaluation.report import render_report
from emotiw_cli.evaluation.write import COLUMNS, write_evaluation

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _page(html: str) -> Page:
    page = Page()
    page.feed(html)
    assert not page.open
    return page


@pytest.fixture
def faces(work: Path) -> Faces:
    return Faces(toy_faces(work, "fresh", train=0, seed=5, misses=7))


@pytest.fixture
def evaluation(bundle: Bundle, faces: Faces) -> Evaluation:
    return evaluate(bundle, faces)


def test_files(work: Path, bundle: Bundle, faces: Faces, evaluation: Evaluation) -> None:
    made = write_evaluation(work / "out", evaluation, bundle, faces, {"seed": 0})
    assert json.loads((work / "out" / "metrics.json").read_text()) == evaluation.figures
    with open(work / "out" / "predictions.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == 77
    first, missed = lines[0], lines[-1]
    assert float(first[first["emotion"]]) == float(first["confidence"])
    assert sum(float(first[emotion]) for emotion in COLUMNS[4:11]) == pytest.approx(1, abs=1e-5)
    assert (missed["status"], missed["label"], missed["emotion"]) == ("no_face", "surprise", "")
    assert made.manifest["inputs"][1]["name"] == "fresh"
    assert set(made.manifest["outputs"]) == {"metrics.json", "predictions.csv", "report.html"}


def test_writing_again_replaces(
    work: Path, bundle: Bundle, faces: Faces, evaluation: Evaluation
) -> None:
    first = write_evaluation(work / "out", evaluation, bundle, faces, {})
    again = write_evaluation(work / "out", evaluation, bundle, faces, {})
    assert again.manifest["outputs"] == first.manifest["outputs"]


def test_a_run_that_ends_early_leaves_no_manifest(
    work: Path,
    bundle: Bundle,
    faces: Faces,
    evaluation: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_evaluation(work / "out", evaluation, bundle, faces, {})

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("emotiw_cli.evaluation.write.write_manifest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_evaluation(work / "out", evaluation, bundle, faces, {})
    assert not (work / "out" / "manifest.json").exists()


def test_two_runs_at_once(work: Path, bundle: Bundle, faces: Faces, evaluation: Evaluation) -> None:
    from emotiw_cli.artefact import exclusive

    with exclusive(work / "out"), pytest.raises(BusyError):
        write_evaluation(work / "out", evaluation, bundle, faces, {})


def test_the_report_is_whole_and_needs_nothing_else(
    bundle: Bundle, faces: Faces, evaluation: Evaluation
) -> None:
    html = render_report(evaluation, bundle.spec, faces)
    page = _page(html)
    sources = [value for tag, name, value in page.attributes if name in ("src", "href")]
    assert len(sources) >= 7
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "<script" not in html
    assert "@import" not in html
    assert not re.search(r"url\(", html)
    assert not {name for _, name, _ in page.attributes if name.startswith("on")}
    text = " ".join(page.text)
    accuracy = evaluation.figures["found"]["accuracy"]["value"]
    assert f"{100 * accuracy:.1f}" in text
    assert "no face" in text
    assert "nan" not in text.lower().split()


def test_names_cannot_inject(bundle: Bundle, faces: Faces, evaluation: Evaluation) -> None:
    evaluation.figures["data"]["name"] = "<img src=x onerror=alert(1)>"
    html = render_report(evaluation, bundle.spec, faces)
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_the_report_says_what_members_know(work: Path, bundle: Bundle) -> None:
    toy = Faces.open(work, "toy")
    clean = render_report(evaluate(bundle, toy, split="validation"), bundle.spec, toy)
    assert "70 of these pictures were used to stop training" in clean
    assert "Members were trained on" not in clean
    seen = render_report(evaluate(bundle, toy, allow_seen=True), bundle.spec, toy)
    assert "Members were trained on 35 of these pictures" in seen


def test_the_report_of_weights_by_emotion(work: Path, faces: Faces) -> None:
    plan = Plan(method="random-search-class", draws=50)
    make_bundle(work, "classes", ["good", "fair"], plan)
    bundle = load_bundle("classes", work=work)
    page = _page(render_report(evaluate(bundle, faces), bundle.spec, faces))
    text = " ".join(page.text)
    for weight in np.asarray(bundle.spec.weights.values).ravel():
        assert f"{weight:.2f}" in text


def test_the_report_without_a_single_face(work: Path, bundle: Bundle) -> None:
    nothing = Faces(toy_faces(work, "nothing", train=0, validation=7, misses=7, seed=8))
    only_misses = [row for row in nothing.rows if row.status == "no_face"]
    nothing.rows = [
        type(row)(**{**{name: getattr(row, name) for name in row.__slots__}, "row": place})
        for place, row in enumerate(only_misses)
    ]
    evaluation = evaluate(bundle, nothing)
    _page(render_report(evaluation, bundle.spec, nothing))
    assert evaluation.figures["coverage"] == 0
