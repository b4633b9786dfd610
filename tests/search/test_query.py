import pytest

from aegisflow.search.query import MAX_QUERY_CHARS, MAX_WORDS, Sought, parse_query
from aegisflow.search.words import ENGLISH, GERMAN


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Welcher Druck ist zu hoch?", GERMAN),
        ("What is the pressure limit?", ENGLISH),
        ("Kühlung prüfen", GERMAN),
        ("pressure", ENGLISH),
        ("was the motor hot", ENGLISH),
    ],
)
def test_german_is_told_from_english(text: str, language: str) -> None:
    assert parse_query(text).language == language


@pytest.mark.parametrize(
    ("text", "sought"),
    [
        # News: what is or was the case.
        ("pressure yesterday", Sought.NEWS),
        ("Druck gestern", Sought.NEWS),
        ("pressure of last month", Sought.NEWS),
        ("Druck im letzten Jahr", Sought.NEWS),
        ("Who repaired the valve last Tuesday? It leaks.", Sought.PEOPLE),
        ("did the press trip", Sought.NEWS),
        ("is pump-02 running", Sought.NEWS),
        ("How many hours did it run in May?", Sought.NEWS),
        ("Wann wurde das Öl gewechselt?", Sought.NEWS),
        ("Lief die Anlage in der Nacht?", Sought.NEWS),
        ("what was the oil temperature an hour ago", Sought.NEWS),
        ("Wie warm ist der Tank gerade?", Sought.NEWS),
        # Prices and people.
        ("what does a new belt cost", Sought.MONEY),
        ("Was kostet der Filter?", Sought.MONEY),
        ("is there a discount on spare parts", Sought.MONEY),
        ("Wie teuer ist die Wartung?", Sought.MONEY),
        ("phone number of the service", Sought.PEOPLE),
        ("Wie heißt der Werksleiter?", Sought.PEOPLE),
        ("who is the safety officer", Sought.PEOPLE),
        ("Wer hat die Pumpe eingebaut?", Sought.PEOPLE),
        ("who installed the pump", Sought.PEOPLE),
        # What a manual may say.
        ("pressure limit", Sought.MANUAL),
        ("The seal was replaced yesterday. What leaks now?", Sought.MANUAL),
        ("Gestern war Wartung. Was tun?", Sought.MANUAL),
        ("May I start the valve today?", Sought.MANUAL),
        ("Was muss ich heute prüfen?", Sought.MANUAL),
        ("the motor protection has tripped three times today", Sought.MANUAL),
        ("who is allowed to open the cabinet", Sought.MANUAL),
        ("who must be told first", Sought.MANUAL),
        ("Wer darf die Maschine wieder einschalten?", Sought.MANUAL),
        ("Wer hat Zugang zum Schaltschrank?", Sought.MANUAL),
        ("whose lock may I take off", Sought.MANUAL),
        ("How long does a seal last?", Sought.MANUAL),
        ("Wie lange hat man Garantie?", Sought.MANUAL),
        ("name of the command that stops it", Sought.MANUAL),
        ("how much is the coolant charge", Sought.MANUAL),
    ],
)
def test_what_is_sought_is_told_by_how_it_is_asked(text: str, sought: Sought) -> None:
    assert parse_query(text).sought is sought


def test_a_code_names_a_message_where_it_stands_by_such_a_word_or_alone() -> None:
    assert parse_query("What does alarm A-115 mean?").messages == {"a115"}
    assert parse_query("F17").messages == {"f17"}
    assert parse_query("Meldung 214").messages == {"214"}
    wording = parse_query("which grease does the bearing of an M-400 want")
    assert wording.codes == {"m400"}
    assert wording.messages == frozenset()
    assert parse_query("alarm on pump-02", kinds={"pump"}).codes == frozenset()
    assert parse_query("a high alarm 15 minutes ago").messages == frozenset()


def test_a_question_of_100_kilobytes_is_bounded() -> None:
    wording = parse_query("valve " + "unheardof " * 10_000)
    assert len(wording.text) <= MAX_QUERY_CHARS
    assert len(parse_query(" ".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)}x" for n in range(400))).words) == MAX_WORDS


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "part", ["how much is ", "who ", "wer hat ", "last ", "wie viel ", "alarm 1", "1.", "a-1", "(", "ge"]
)
def test_no_question_takes_long_to_take_apart(part: str) -> None:
    parse_query(part * 2_000)
