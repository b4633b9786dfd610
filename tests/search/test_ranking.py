import numpy as np

from aegisflow.search.ranking import fuse


def test_words_count_less_where_question_and_passage_are_in_two_languages() -> None:
    words, meaning = np.array([1.0, 0.0], np.float32), np.array([0.3, 0.75], np.float32)
    same = fuse(words, meaning, np.array([False, False]))
    foreign = fuse(words, meaning, np.array([True, True]))
    assert same[0] > same[1]
    assert foreign[0] < foreign[1]
