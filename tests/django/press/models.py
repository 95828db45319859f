"""A second app, whose label is not its module's name and of whose models one is called as one of
the blog's is."""

from blog.models import Article
from django.db import models


class Tag(models.Model):
    word = models.CharField(max_length=40, unique=True)

    def __str__(self):
        return self.word


class PressRelease(models.Model):
    headline = models.CharField(max_length=120)
    issued_on = models.DateField()
    article = models.ForeignKey(Article, on_delete=models.SET_NULL, null=True, blank=True)
    words = models.ManyToManyField(Tag, blank=True)

    def __str__(self):
        return self.headline
