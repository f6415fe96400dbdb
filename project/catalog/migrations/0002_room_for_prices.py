"""Leave room in the pages of prices, so that PostgreSQL updates a price where it stands (HOT).

An update that stays in its page makes no new index entries: half the cost of the UPDATE of an import. It holds
for pages that are written from now on; `VACUUM FULL` or an ordinary life brings it to the rest.
"""

from django.db import migrations


def set_fillfactor(percent):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            table = schema_editor.quote_name(apps.get_model("catalog", "PriceRecord")._meta.db_table)
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")

    return run


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [migrations.RunPython(set_fillfactor(75), set_fillfactor(100))]
