from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.models import Q, Value
from django.db.models.functions import Concat

from cancellations.models.search import Trigrams

TRIGRAMS = """
CREATE OR REPLACE FUNCTION trigrams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_agg(one || two || three)
    FROM string_to_array(upper(words), NULL) AS letter, unnest(letter, letter[2:], letter[3:]) AS along(one, two, three)
    WHERE three IS NOT NULL
$$
"""


class Migration(migrations.Migration):
    atomic = False  # requests go on coming in meanwhile

    dependencies = [
        ("cancellations", "0018_reasons_that_wait"),
    ]

    operations = [
        migrations.RunSQL(TRIGRAMS, "DROP FUNCTION trigrams"),
        AddIndexConcurrently(
            "cancellationline",
            GinIndex(Trigrams(Concat("product_name", Value(" "), "seller_sku")), name="cancel_line_holds"),
        ),
        AddIndexConcurrently(
            "cancellationrequest",
            GinIndex(Trigrams("order_number"), name="cancel_order_no_holds", condition=~Q(order_number="")),
        ),
    ]
