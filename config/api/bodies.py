"""What bodies are made of: rows that go out, and names that are known when they come in."""

import re
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext as _
from rest_framework import serializers

from config.api.fields import UtcTime
from config.parsers import Json

# For bodies that are never a form.
JSON_ALONE = [Json]


class Rows(serializers.ModelSerializer[Any]):
    """Rows as they are read: nothing that derives from this can be written through."""

    serializer_field_mapping: ClassVar = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: UtcTime,
    }

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for one in fields.values():
            one.read_only, one.required = True, False
        return fields


class Strict(serializers.Serializer[Any]):
    """A body in which every name is known: what would be ignored is refused, so that nobody believes it was done."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        # A form writes what is inside of a field as `shipping.tracking_number` or `images[0]`.
        is_form = hasattr(data, "getlist")
        known = {*self.fields, "csrfmiddlewaretoken"} if is_form else {*self.fields}
        unknown = [name for name in data if (re.split(r"[.\[]", name)[0] if is_form else name) not in known]
        if unknown:
            raise serializers.ValidationError({str(name): [_("There is no such field.")] for name in unknown})
        return values
