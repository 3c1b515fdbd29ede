"""The database itself refuses to alter entries. `audit.log.purge` alone may delete old ones."""

import django.core.serializers.json
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('countermand.purges_audit', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to: % of an entry is refused.', TG_OP
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
END
$$;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
"""
ALLOW = """
DROP TRIGGER audit_entries_stay ON audit_entry;
DROP FUNCTION audit_entries_stay();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            "entry",
            "before",
            models.JSONField(
                blank=True,
                default=dict,
                encoder=django.core.serializers.json.DjangoJSONEncoder,
                verbose_name="before",
            ),
        ),
        migrations.AlterField(
            "entry",
            "after",
            models.JSONField(
                blank=True,
                default=dict,
                encoder=django.core.serializers.json.DjangoJSONEncoder,
                verbose_name="after",
            ),
        ),
        migrations.AlterField(
            "entry",
            "via",
            models.CharField(
                choices=[
                    ("page", "page"),
                    ("api", "API"),
                    ("admin", "admin"),
                    ("push", "push from a marketplace"),
                    ("command", "command"),
                    ("worker", "worker"),
                ],
                max_length=10,
                verbose_name="through",
            ),
        ),
        migrations.AddIndex(
            "entry",
            models.Index(fields=["action", "-at"], name="audit_of_an_action"),
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
