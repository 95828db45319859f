"""Makes the newsroom's database: tables, rows, and tokens of Django Admin MCP.

    NEWSROOM_DATABASE=sqlite:PATH python build.py [--articles N] [--token NAME=PERMISSION,...]...

Rows depend on their numbers alone, so that two databases of one size hold the same. Prints the
secrets of the tokens as a JSON object; they belong to a superuser, so that what a token may do is
what is granted to it.
"""

import argparse
import datetime
import decimal
import json
import os
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")
django.setup()

from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection, transaction
from django_admin_mcp.models import MCPToken

from blog.models import Article, Author, Comment, Contribution, Section, Tag
from press.models import PressRelease
from press.models import Tag as Word

BEGUN = datetime.datetime(2026, 1, 10, 8, 30, tzinfo=datetime.timezone.utc)
VIEW = (
    "CREATE VIEW blog_publishedarticle AS"
    " SELECT id, title, published_on FROM blog_article WHERE status = 'published'"
)
TEXT = "Some words of a body, enough of them to fill a line or two of a page. "


def main():
    options = arguments()
    call_command("migrate", run_syncdb=True, verbosity=0)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(VIEW)
        people(options.articles)
        articles(options.articles)
        others(options.articles)
        user = User.objects.create_superuser("editor", "editor@example.org", None)
        tokens = [token(user, each) for each in options.token]
    print(json.dumps(dict(tokens)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--token", action="append", default=[])
    return parser.parse_args()


def people(count):
    Section.objects.bulk_create(
        Section(name=name, position=at) for at, name in enumerate(["News", "Culture", "Sport"])
    )
    Tag.objects.bulk_create(Tag(name=f"tag {number}") for number in range(1, 21))
    Author.objects.bulk_create(
        Author(
            name=f"Author {number}",
            email=f"author{number}@example.org",
            bio=TEXT * (number % 3),
            born_on=datetime.date(1960 + number % 40, 1 + number % 12, 1 + number % 28),
            api_key=f"key of author {number}",
        )
        for number in range(1, max(count // 10, 1) + 1)
    )


def article(number, authors):
    moment = BEGUN + datetime.timedelta(hours=number, microseconds=250_000 * (number % 3))
    return Article(
        title=f"Article {number}",
        slug=f"article-{number}",
        body=TEXT * (number % 7),
        status=Article.Status.values[number % 3],
        author_id=1 + number % authors,
        section_id=None if number % 5 == 0 else 1 + number % 3,
        price=decimal.Decimal(number * 125) / 100,
        rating=None if number % 4 == 0 else number % 50 / 10,
        views=number * 7,
        featured=number % 3 == 0,
        published_on=None if number % 3 == 0 else moment.date(),
        read_at=None if number % 6 == 0 else datetime.time(number % 24, number % 60),
        embargo_until=None if number % 2 == 0 else moment + datetime.timedelta(days=30),
        created_at=moment,
        reference=uuid.UUID(int=(7 << 120) + number),
        extra={"source": f"desk {number % 4}", "grades": [number % 10, None, 1.5]},
    )


def articles(count):
    authors = max(count // 10, 1)
    made = [article(number, authors) for number in range(1, count + 1)]
    moments = [each.created_at for each in made]
    Article.objects.bulk_create(made, batch_size=500)
    # `auto_now_add` has written the time of this run.
    for each, moment in zip(made, moments):
        each.created_at = moment
    Article.objects.bulk_update(made, ["created_at"], batch_size=100)
    links = Article.tags.through
    links.objects.bulk_create(
        (
            links(article_id=number, tag_id=1 + (number + step * 7) % 20)
            for number in range(1, count + 1)
            for step in range(number % 4)
        ),
        batch_size=1_000,
    )


def others(count):
    Comment.objects.bulk_create(
        (
            Comment(
                article_id=number,
                name=f"Reader {number}-{step}",
                body=TEXT,
                approved=step == 0,
            )
            for number in range(1, count + 1)
            for step in range(number % 3)
        ),
        batch_size=1_000,
    )
    Contribution.objects.bulk_create(
        Contribution(article_id=number, author_id=1, role=Contribution.Role.values[number % 2])
        for number in range(1, count + 1, 9)
    )
    Word.objects.bulk_create(Word(word=f"word {number}") for number in range(1, 4))
    PressRelease.objects.bulk_create(
        PressRelease(
            headline=f"Release {number}",
            issued_on=datetime.date(2026, 2, 1 + number),
            article_id=number if number <= count else None,
        )
        for number in range(1, 6)
    )


def token(user, text):
    name, _, permissions = text.partition("=")
    made = MCPToken.objects.create(name=name, user=user, expires_at=None)
    for each in filter(None, permissions.split(",")):
        app, _, codename = each.partition(".")
        found = Permission.objects.filter(content_type__app_label=app)
        if codename != "*":
            found = found.filter(codename=codename)
        if not found:
            raise SystemExit(f"build: there is no permission {each}")
        made.permissions.add(*found)
    return name, made.get_plaintext_token()


main()
