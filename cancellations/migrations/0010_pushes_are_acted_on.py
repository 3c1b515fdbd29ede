from django.db import migrations, models
from django.db.models import F, Q


def those_so_far_were_acted_on(apps, schema_editor):
    apps.get_model("cancellations", "PushedNotification").objects.filter(processed_at=None).update(
        processed_at=F("received_at"), outcome="pulled"
    )


class Migration(migrations.Migration):
    dependencies = [("cancellations", "0008_names_in_every_language")]

    operations = [
        migrations.AddField(
            model_name="pushednotification",
            name="is_known",
            field=models.BooleanField(db_default=True, default=True, verbose_name="known topic"),
        ),
        migrations.AddField(
            model_name="pushednotification",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="says that the authorization ends"),
        ),
        migrations.AddField(
            model_name="pushednotification",
            name="processed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="acted on"),
        ),
        migrations.AddField(
            model_name="pushednotification",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("pulled", "had the shop pulled"),
                    ("deauthorized", "told that the authorization was withdrawn"),
                    ("expiring", "told when the authorization ends"),
                    ("nothing", "about nothing that is read here"),
                ],
                db_default="",
                max_length=12,
                verbose_name="what it did",
            ),
        ),
        migrations.RunPython(those_so_far_were_acted_on, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="pushednotification",
            index=models.Index(fields=["shop", "-received_at"], name="pushes_of_a_shop"),
        ),
        migrations.AddIndex(
            model_name="pushednotification",
            index=models.Index(fields=["shop"], name="pushes_waiting", condition=Q(processed_at__isnull=True)),
        ),
    ]
