import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# knox's own table is there where tokens were made before this. They go on, and may what they could until now.
CARRY_OVER = """
DO $$ BEGIN
    IF to_regclass('knox_authtoken') IS NOT NULL THEN
        EXECUTE $sql$
            INSERT INTO accounts_apitoken (digest, token_key, created, expiry, user_id, name, scope, is_limited)
            SELECT digest, token_key, created, COALESCE(expiry, now() + interval '365 days'), user_id, '', 'admin', false
            FROM knox_authtoken
            ON CONFLICT DO NOTHING
        $sql$;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_language"),
        ("shops", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("digest", models.CharField(max_length=128, primary_key=True, serialize=False, verbose_name="hash")),
                ("token_key", models.CharField(db_index=True, max_length=25, verbose_name="begins with")),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="made on")),
                ("name", models.CharField(blank=True, default="", max_length=80, verbose_name="what it is for")),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("read", "read: looks at everything, changes nothing"),
                            ("decide", "decide: answers requests too"),
                            ("admin", "admin: everything that you may do"),
                        ],
                        max_length=10,
                        verbose_name="may",
                    ),
                ),
                ("is_limited", models.BooleanField(default=False, verbose_name="for some shops only")),
                ("expiry", models.DateTimeField(verbose_name="ends")),
                ("last_used_at", models.DateTimeField(blank=True, null=True, verbose_name="last used")),
                (
                    "last_used_from",
                    models.GenericIPAddressField(blank=True, null=True, verbose_name="last used from"),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="made by",
                    ),
                ),
                (
                    "shops",
                    models.ManyToManyField(blank=True, related_name="+", to="shops.shop", verbose_name="shops"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="acts for",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "ordering": ["-created"],
            },
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
    ]
