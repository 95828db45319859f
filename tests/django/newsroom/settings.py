"""Settings of a small newsroom, as a project would have them.

The database is named by the environment: NEWSROOM_DATABASE=sqlite:PATH or
postgres://user@host:port/name?host=SOCKETS
"""

import os
from urllib.parse import parse_qs, unquote, urlsplit


def database(url):
    scheme, _, path = url.partition(":")
    if scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL", "timeout": 20},
        }
    parts = urlsplit(url)
    sockets = parse_qs(parts.query).get("host", [parts.hostname])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "HOST": sockets[0],
        "PORT": parts.port or 5432,
    }


DATABASES = {"default": database(os.environ["NEWSROOM_DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# For a server on loopback that lives as long as a test.
SECRET_KEY = "of no use outside of tests"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DEBUG = False
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "newsroom.urls"
WSGI_APPLICATION = "newsroom.wsgi.application"

INSTALLED_APPS = [
    "django_admin_mcp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "blog",
    "press",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
