import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("shops", "0006_connecting")]

    operations = [
        migrations.CreateModel(
            name="PushRegistration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("topic", models.CharField(max_length=40, verbose_name="topic")),
                ("is_wanted", models.BooleanField(default=True, verbose_name="wanted")),
                ("address", models.CharField(blank=True, max_length=300, verbose_name="goes to")),
                ("since", models.DateTimeField(blank=True, null=True, verbose_name="since")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="asked for")),
                ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="last looked at")),
                ("problem", models.CharField(blank=True, max_length=500, verbose_name="what is wrong")),
                ("repaired_at", models.DateTimeField(blank=True, null=True, verbose_name="last put right")),
                ("check_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="next look")),
                (
                    "shop",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="push_registrations",
                        to="shops.shop",
                        verbose_name="shop",
                    ),
                ),
            ],
            options={
                "verbose_name": "registered push",
                "verbose_name_plural": "registered pushes",
                "ordering": ["shop", "topic"],
                "indexes": [models.Index(fields=["check_at"], name="registrations_to_look_at")],
                "constraints": [
                    models.UniqueConstraint(fields=("shop", "topic"), name="one_registration_per_shop_and_topic")
                ],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("pushes_missing", "Pulls find changes that no push told of"),
                            ("pulls_missing", "Pushes come, but pulls do not succeed"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("detail", models.JSONField(blank=True, default=dict, verbose_name="details")),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="since")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                (
                    "shop",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="shops.shop",
                        verbose_name="shop",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "ordering": ["-opened_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(closed_at__isnull=True),
                        fields=("shop", "kind"),
                        name="one_open_alert_per_shop_and_kind",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(
                F("shop"), F("started_at").desc(), name="sync_runs_that_failed", condition=Q(state="failed")
            ),
        ),
    ]
