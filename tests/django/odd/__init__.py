"""A project without the admin, with models that are less usual. It has no database: what
scripts/django-settings.py says of it is compared."""
