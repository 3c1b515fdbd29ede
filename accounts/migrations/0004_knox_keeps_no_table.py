from django.db import migrations


class Migration(migrations.Migration):
    """knox makes a table of its own even where tokens are ours; nobody writes to it, and it holds on to people."""

    dependencies = [("accounts", "0003_api_tokens"), ("knox", "0009_extend_authtoken_field")]

    operations = [migrations.RunSQL("DROP TABLE IF EXISTS knox_authtoken", migrations.RunSQL.noop)]
