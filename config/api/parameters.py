"""What may stand behind the question mark: a name that nobody knows is refused, so that nobody believes it filtered."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from config.api.problems import Problem, invalid

FIELDS = "fields"


class KnownParameters:
    """For views: the filters of the list, those of its pages, and what `extend_schema` documents."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        is_done_here = hasattr(self, getattr(self, "action", None) or (request.method or "").lower())
        if not (request.query_params and is_done_here):
            return
        known = {*documented(self, request), *filters(self), *of_pages(self)}
        if unknown := [name for name in request.query_params if name not in known]:
            raise invalid({name: [_("There is no such parameter here.")] for name in unknown})


def documented(view: Any, request: Request) -> set[str]:
    """The names that `extend_schema` gives for the method that is called."""
    handler = getattr(view, getattr(view, "action", None) or (request.method or "").lower(), None)
    described = getattr(handler, "kwargs", {}).get("schema")
    if described is None:
        return set()
    schema = described()
    schema.view, schema.method = view, "GET" if request.method == "HEAD" else request.method
    told = schema.get_override_parameters()
    names = {one.name for one in told if isinstance(one, OpenApiParameter) and one.location == OpenApiParameter.QUERY}
    for one in told:
        if isinstance(one, type) and issubclass(one, serializers.Serializer):
            names |= set(one().fields)
    return names


def filters(view: Any) -> set[str]:
    if not is_list(view) or not hasattr(view, "filter_backends"):
        return set()
    found = [backend().get_filterset_class(view, view.queryset) for backend in view.filter_backends]
    return {name for one in found if one for name in one.base_filters}


def of_pages(view: Any) -> set[str]:
    if not is_list(view) or not getattr(view, "paginator", None):
        return set()
    return {one["name"] for one in view.paginator.get_schema_operation_parameters(view)}


def is_list(view: Any) -> bool:
    return getattr(view, "action", None) == "list"


class SparseFields:
    """For views with lists and details: `fields=id,state,made_by.name` and no others, neither sent nor computed."""

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        request: Request = self.request  # type: ignore[attr-defined]
        if FIELDS in request.query_params and request.method in ("GET", "HEAD"):
            asked = [name.strip() for name in request.query_params[FIELDS].split(",")]
            narrow(serializer, [name.split(".") for name in asked])
        return serializer


def narrow(serializer: Any, paths: list[list[str]], within: str = "") -> None:
    """Leave in it what is asked for alone. Raises a problem that names what there is."""
    fields = getattr(serializer, "child", serializer).fields
    for name, *_more in paths:
        if name not in fields:
            raise no_such_field(within + name, [within + known for known in fields])
    for name in list(fields):
        inner = [path[1:] for path in paths if path[0] == name]
        if not inner:
            fields.pop(name)
        elif all(inner):  # else all of it is asked for as well
            if not hasattr(getattr(fields[name], "child", fields[name]), "fields"):
                raise no_such_field(f"{within}{name}.{inner[0][0]}", [within + name])
            narrow(fields[name], inner, f"{within}{name}.")


def no_such_field(name: str, known: list[str]) -> Problem:
    words = _("There is no field “%(name)s”. Name some of: %(known)s.")
    return invalid({FIELDS: [words % {"name": name, "known": ", ".join(known)}]})
