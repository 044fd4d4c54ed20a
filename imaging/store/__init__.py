"""The only home of SQLAlchemy: schema, migrations, records, files, keys."""
