"""A blog: each kind of column and relation that projects commonly have."""

import uuid

from django.db import models


class Section(models.Model):
    name = models.CharField(max_length=60, unique=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self):
        return self.name


class Author(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField(unique=True)
    bio = models.TextField(blank=True)
    born_on = models.DateField(null=True, blank=True)
    # What looks like a credential and must not reach an agent.
    api_key = models.CharField(max_length=40, blank=True)

    def __str__(self):
        return self.name


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.name


class Article(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Put away"

    title = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    body = models.TextField(blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    section = models.ForeignKey(Section, on_delete=models.PROTECT, null=True, blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    rating = models.FloatField(null=True, blank=True)
    views = models.PositiveIntegerField(default=0)
    featured = models.BooleanField(default=False)
    published_on = models.DateField(null=True, blank=True)
    read_at = models.TimeField(null=True, blank=True)
    embargo_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    reference = models.UUIDField(default=uuid.uuid4, unique=True)
    extra = models.JSONField(default=dict, blank=True)
    tags = models.ManyToManyField(Tag, blank=True)
    contributors = models.ManyToManyField(
        Author, through="Contribution", related_name="contributed", blank=True
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return self.title


class Comment(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    name = models.CharField(max_length=60)
    body = models.TextField()
    approved = models.BooleanField(default=False)

    def __str__(self):
        return self.name


class Contribution(models.Model):
    class Role(models.TextChoices):
        EDITOR = "editor", "Editor"
        PHOTOS = "photos", "Photographs"

    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["article", "author"], name="once_an_article")
        ]


class PublishedArticle(models.Model):
    """A view of the database, which Django did not make."""

    title = models.CharField(max_length=120)
    published_on = models.DateField(null=True)

    class Meta:
        managed = False
        db_table = "blog_publishedarticle"
        ordering = ["id"]

    def __str__(self):
        return self.title
