import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.test.html import parse_html

CHOICES = [("", "Every <shop>"), (7, "Kettle & Co"), ("Group", [("a", "A"), ("b", "B")])]


@pytest.mark.parametrize("chosen", ["", 7, "b", None, "nothing of it"])
@pytest.mark.parametrize("widget", [forms.Select, forms.NullBooleanSelect])
def test_a_select_is_as_django_writes_it(widget: type[forms.Select], chosen: object) -> None:
    select = widget(attrs={"id": "id_shop", "required": True, "disabled": False})
    if widget is forms.Select:
        select.choices = CHOICES
    theirs = select.render("shop", chosen, renderer=DjangoTemplates())
    assert parse_html(select.render("shop", chosen)) == parse_html(theirs)
