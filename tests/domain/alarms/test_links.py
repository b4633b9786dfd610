"""Links that acknowledge: whoever has no key makes none, and changes none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.links import LEAST_KEY, MAX_CHARACTERS, AlarmLink, LinkSigner
from aegisflow.domain.alarms.model import Severity

KEY = b"k" * LEAST_KEY
links = st.builds(
    AlarmLink,
    st.text(max_size=60),
    st.text(max_size=40),
    st.sampled_from(Severity),
    st.floats(0, 4e9, allow_nan=False),
)


@given(links)
def test_a_link_comes_back_as_it_was_signed_and_fits_into_an_address(link: AlarmLink) -> None:
    text = LinkSigner(KEY).write(link)
    assert LinkSigner(KEY).read(text) == link
    assert text.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert len(text) < MAX_CHARACTERS


@given(links, st.integers(0, 400), st.text(min_size=1, max_size=1))
def test_a_link_of_which_anything_is_changed_stands_for_nothing_else(link: AlarmLink, at: int, letter: str) -> None:
    text = LinkSigner(KEY).write(link)
    place = at % len(text)
    # The last letter of base64 has bits that mean nothing: such a text may stand for the same, never for another.
    assert LinkSigner(KEY).read(text[:place] + letter + text[place + 1 :]) in (None, link)


@given(links, st.text(max_size=200))
def test_without_the_key_there_is_no_link(link: AlarmLink, text: str) -> None:
    text_of_another = LinkSigner(b"q" * LEAST_KEY).write(link)
    for one in (
        text,
        f"{text}.{text}",
        text_of_another,
        text_of_another.partition(".")[0],
        text_of_another + "x" * 9_999,
    ):
        assert LinkSigner(KEY).read(one) is None


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        LinkSigner(b"secret")
