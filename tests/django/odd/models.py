import uuid

from django.db import models


class Place(models.Model):
    name = models.CharField(max_length=50)
    made = models.DateTimeField(auto_now_add=True)
    tags = models.ManyToManyField("Document", related_name="places")


class Restaurant(Place):
    """Its table has its own columns alone, and a reference to the place."""

    serves = models.CharField(max_length=50, blank=True)
    stars = models.IntegerField(editable=False, default=0)

    class Meta:
        ordering = ["name", "serves"]


class Document(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=50)
    file = models.FileField(blank=True)
    digest = models.CharField(max_length=64, editable=False, default="")
