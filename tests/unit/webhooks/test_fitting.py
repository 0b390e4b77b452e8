from collections.abc import Callable

import pytest

from pinecone_backup.webhooks.fitting import (
    LONGEST,
    SHORTEST,
    clean,
    cut,
    fit,
    units,
    without_links,
)

FAMILY = "\U0001f468‍\U0001f469‍\U0001f467"
WAVING = "\U0001f44b\U0001f3fd"
AUSTRIA, BELGIUM = "\U0001f1e6\U0001f1f9", "\U0001f1e7\U0001f1ea"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


def within(limit: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= limit


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert cut("Backup failed", 13) == "Backup failed"


def test_a_text_that_is_too_long_ends_in_an_ellipsis_within_the_limit() -> None:
    assert cut("Backup failed", 12) == "Backup fail…"


def test_no_blank_stands_before_the_ellipsis() -> None:
    assert cut("Backup failed", 8) == "Backup…"


def test_a_limit_of_nothing_leaves_nothing() -> None:
    assert cut("Backup", 0) == ""


@pytest.mark.parametrize("character", [FAMILY, WAVING, AUSTRIA, SCOTLAND, "é", "ก็"])
def test_what_a_reader_sees_as_one_character_is_never_cut_in_two(character: str) -> None:
    text = "ab" + character + "cd"
    for limit in range(1, units(text)):
        assert cut(text, limit).removesuffix("…") in ("", "a", "ab", "ab" + character) or cut(
            text, limit
        ).startswith("ab" + character)


def test_flags_are_cut_between_and_not_within() -> None:
    text = AUSTRIA + BELGIUM + AUSTRIA

    assert [cut(text, limit) for limit in (4, 5, 8, 9, 11, 12)] == [
        *("…", AUSTRIA + "…", AUSTRIA + "…", AUSTRIA + BELGIUM + "…"),
        *(AUSTRIA + BELGIUM + "…", text),
    ]


def test_a_pile_of_accents_is_cut_all_the_same() -> None:
    assert len(cut("a" + "́" * 200, 100)) == 100


def test_a_character_beyond_the_basic_plane_counts_twice() -> None:
    assert units("a\U0001f44b") == 3
    assert cut("\U0001f44b" * 3, 5) == "\U0001f44b" * 2 + "…"


def test_the_size_may_count_otherwise() -> None:
    assert cut("ab&cd", 4, size=lambda text: len(text.replace("&", "&amp;"))) == "ab…"


def test_stray_surrogates_and_control_characters_are_cleaned_away() -> None:
    assert clean("a\ud83d\x00b\x1b[1mc\x7f\x85\td\ne\r") == "a?b[1mc\td\ne"


@pytest.mark.parametrize(
    "control", "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
def test_a_text_shows_in_the_order_in_which_it_is_written(control: str) -> None:
    assert clean(f"invoice{control}gpj.exe") == "invoicegpj.exe"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("[here](https://evil.example)", "[here] (https://evil.example)"),
        ("![here](https://evil.example)", "![here] (https://evil.example)"),
        ("[x]: https://evil.example", "[x] : https://evil.example"),
        ("list[0] and f(x)", "list[0] and f(x)"),
    ],
)
def test_no_words_stand_for_an_address(text: str, plain: str) -> None:
    assert without_links(text) == plain


def test_what_fits_whole_is_not_shortened() -> None:
    seen: list[tuple[int, int]] = []

    def build(details: int, length: int) -> str:
        seen.append((details, length))
        return "short"

    assert fit(build, lambda text: len(text) <= 5, details=(4, 0)) == "short"
    assert seen == [(4, LONGEST)]


def test_texts_are_shortened_just_enough_before_details_go() -> None:
    built = fit(lambda details, length: "x" * (details * length), within(4_001), details=(4, 2, 0))

    assert len(built) == 4_000


def test_details_go_when_short_texts_do_not_do() -> None:
    built = fit(
        lambda details, length: f"{details}:" + "x" * length * details,
        within(302),
        details=(40, 2, 0),
    )

    assert built == "2:" + "x" * 300


def test_what_never_fits_is_as_short_as_can_be() -> None:
    assert fit(lambda details, length: (details, length), lambda _: False, details=(4, 0)) == (
        *(0, SHORTEST),
    )
