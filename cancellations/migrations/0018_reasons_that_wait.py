from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # requests go on coming in meanwhile

    dependencies = [
        ("cancellations", "0017_what_came_back_with_a_copy"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="cancellationrequest",
            index=models.Index(
                condition=models.Q(("needs_answer", True)),
                fields=["reason", "reason_text", "shop"],
                name="queue_by_reason",
            ),
        ),
    ]
