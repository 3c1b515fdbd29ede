"""What a worker writes down is read by everybody in their own language."""

import copy

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from cancellations.models import CancellationRequest, Decision
from cancellations.models.words import MARK, Words, kept, read
from tests.factories import CancellationFactory, DecisionFactory

LOST = "The answer to our call was lost; read back, the marketplace shows it settled otherwise: %(state)s."
STATE = CancellationRequest.State.CLOSED.label


@pytest.mark.django_db
def test_a_note_is_in_the_language_of_whoever_reads_it() -> None:
    decision = DecisionFactory(cancellation=CancellationFactory())
    Decision.objects.filter(pk=decision.pk).update(
        note=Words(LOST, state=[Words("request %(status)s", status="X"), STATE])
    )
    decision.refresh_from_db()
    assert decision.note == LOST % {"state": "request X, closed"}
    with translation.override("de"):
        decision.refresh_from_db()
        assert decision.note.endswith("anders erledigt: Anfrage X, geschlossen.")
        decision.save()  # what is read in one language is not kept in it
    decision.refresh_from_db()
    assert decision.note.endswith("settled otherwise: request X, closed.")


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "100 % sure", "%(state)s", '{"message": "x"}', "Found it.\nAll fine."])
def test_what_a_person_writes_stays_as_it_is(text: str) -> None:
    decision = DecisionFactory(cancellation=CancellationFactory(), note=text)
    decision.refresh_from_db()
    assert decision.note == text


def test_a_persons_text_is_never_taken_for_a_sentence_of_ours() -> None:
    assert read(kept(MARK + '{"message": "%(x)s", "values": {}}')) == '{"message": "%(x)s", "values": {}}'


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "null",
        '"x"',
        "[1]",
        '{"values": {}}',
        '{"message": "x"}',
        '{"message": 1, "values": {}}',
        '{"message": "x", "values": 1}',
        '{"message": "Refused: %(why)s", "values": {"state": 1}}',
        '{"message": "Refused: %(why", "values": {"why": 1}}',
        '{"message": "Refused: %(why)d", "values": {"why": "x"}}',
    ],
)
def test_a_damaged_sentence_is_shown_as_it_is(damaged: str) -> None:
    assert read(MARK + damaged) == damaged


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(), st.lists(st.text(), max_size=3))
def test_values_come_back_as_they_were(name: str, status: str, words: list[str]) -> None:
    told = Words("request %(status)s", status=[Words("lines: %(words)s", words=words), name])
    again = read(kept(told))
    assert (again, type(again)) == (told, Words)
    assert again.values == told.values  # type: ignore[attr-defined]


def test_nothing_said_is_nothing_in_every_language() -> None:
    with translation.override("de"):
        assert (Words(""), bool(Words("")), read(kept(Words("")))) == ("", False, "")


def test_a_sentence_survives_being_copied() -> None:
    told = copy.deepcopy(Words("request %(status)s", status="X"))
    assert (told, kept(told)) == ("request X", kept(Words("request %(status)s", status="X")))
