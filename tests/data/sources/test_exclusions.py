from __future__ import annotations

import pytest

from emotiw_cli.data.sources.exclusions import Exclusions
from emotiw_cli.errors import InputError


def test_lines_of_a_text_are_paths_of_all_faces() -> None:
    read = Exclusions.parse("a.png\n\n b, c.png \n", "near.txt")
    assert read.of("any") == {"a.png", "b, c.png"}


def test_a_csv_names_the_faces_its_paths_are_of() -> None:
    text = 'faces,path,kind\none,a.png,near\none,"b, c.png",near\ntwo,d.png,exact\n'
    read = Exclusions.parse(text, "near.CSV")
    assert read.of("one") == {"a.png", "b, c.png"}
    assert read.of("two") == {"d.png"}
    assert Exclusions.parse("path\nx.png\n", "x.csv").of("one") == {"x.png"}


def test_the_digest_tells_lists_apart_and_not_their_order() -> None:
    one = Exclusions.parse("a\nb\n", "x.txt").digest
    assert one == Exclusions.parse("b\na\n", "y.txt").digest
    assert one != Exclusions.parse("path,faces\na,s\nb,s\n", "z.csv").digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column `path`"),
        ("file\na.png\n", "no column `path`"),
        ("path,faces\na.png\n", "line 2, cannot be read .1 fields"),
        ('path\n"a.png\n', "line 2, cannot be read .unexpected end"),
    ],
)
def test_another_csv_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Exclusions.parse(text, "near.csv")
