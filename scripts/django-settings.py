"""What a Django project's code says of its models and its database does not, as settings of
mcpass's database server (TOML).

    python manage.py shell -v 0 < django-settings.py > settings.toml

Choices, defaults, what is deleted along, names of relations, orders, digits behind the point; of
the admin also what is searched and for reading alone, and of Django Admin MCP, where the project
has it, what is exposed and hidden. Read it before you use it: it says what can be done to a model,
and what the code does besides (`save`, `clean`, signals) is not in it.
"""

import json

from django.apps import apps
from django.contrib import admin
from django.db import models

OWN = {"admin", "auth", "contenttypes", "django_admin_mcp", "messages", "sessions", "staticfiles"}
ON_DELETE = {models.CASCADE: "cascade", models.PROTECT: "protect", models.RESTRICT: "protect",
             models.SET_NULL: "set_null"}
ADMINS = admin.site._registry if apps.is_installed("django.contrib.admin") else {}
MCP = any(getattr(each, "mcp_expose", False) for each in ADMINS.values())
# What is stored as text that is empty where a form was left empty.
TEXTS = (models.CharField, models.TextField, models.FileField, models.FilePathField)


def toml(value):
    """A value as TOML; its basic strings are written as JSON's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key(name)} = {toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)


def key(name):
    return name if name.replace("_", "").isalnum() and name.isascii() else json.dumps(name)


def default(field):
    """What new rows have, if it is said; whether it is."""
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return ":now", True
    value = field.default
    if value is models.NOT_PROVIDED:
        is_empty = field.blank and not field.null and field.empty_strings_allowed
        return "", is_empty and isinstance(field, TEXTS)
    if value in (dict, list):
        return value(), True
    if callable(value):
        return ":now", getattr(value, "__name__", "") in ("now", "today")
    if isinstance(value, str) and value.startswith(":"):
        value = ":" + value
    return value, value is not None


def plain(names, model):
    """Of these names the fields of the model's own table, with a `-` before them if there was one."""
    known = {field.name for field in model._meta.local_concrete_fields} | {"pk"}
    names = [name.lstrip("^=@") for name in names if isinstance(name, str)]
    names = [name for name in names if name.lstrip("-") in known]
    return [name.replace("pk", model._meta.pk.name) if name.lstrip("-") == "pk" else name
            for name in names]


def settings(model):
    meta, its_admin = model._meta, ADMINS.get(model)
    said = {}
    if meta.db_table != f"{meta.app_label}_{meta.model_name}":
        said["django"] = f"{meta.app_label}.{meta.model_name}"
    if MCP and not getattr(its_admin, "mcp_expose", False):
        said["expose"] = False
    if str(meta.verbose_name_plural) != f"{meta.verbose_name}s":
        said["verbose_name_plural"] = meta.verbose_name_plural
    said["order"] = plain(getattr(its_admin, "ordering", None) or meta.ordering, model)
    said["search"] = plain(getattr(its_admin, "search_fields", None) or [], model)
    said["readable"] = plain(getattr(its_admin, "mcp_fields", None) or [], model)
    said["hidden"] = plain(getattr(its_admin, "mcp_exclude_fields", None) or [], model)
    # Of a model that inherits from another, those of its own table.
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    links = [field for field in meta.local_many_to_many if field.remote_field.through._meta.auto_created]
    closed = set(getattr(its_admin, "readonly_fields", None) or [])
    writable = [field.name for field in [*fields, *links]
                if field.editable and field.name not in closed]
    if len(writable) < len(fields) + len(links):
        said["writable"] = writable
    said["choices"] = {
        field.name: [{"value": value, "label": label} for value, label in field.flatchoices
                     if isinstance(value, (str, bool, int, float)) and value != ""]
        for field in fields if field.flatchoices
    }
    decimals = [field for field in fields if isinstance(field, models.DecimalField)]
    said["decimal_places"] = {field.name: field.decimal_places for field in decimals}
    said["max_digits"] = {field.name: field.max_digits for field in decimals}
    defaults = {field.name: default(field) for field in fields}
    said["defaults"] = {name: value for name, (value, is_said) in defaults.items() if is_said}
    said["on_delete"] = {
        field.name: ON_DELETE[field.remote_field.on_delete]
        for field in fields if field.is_relation and field.remote_field.on_delete in ON_DELETE
    } | {field.name: "cascade" for field in links}
    said["relations"] = {
        f"{each.related_model._meta.model_name}_set": each.get_accessor_name()
        for each in meta.related_objects
        if each.model is model and (each.one_to_many or each.many_to_many) and each.related_name and not each.hidden
        and not (each.many_to_many and not each.through._meta.auto_created)
    }
    return {name: value for name, value in said.items() if value not in ([], {})}


def main():
    for model in apps.get_models():
        meta = model._meta
        if meta.app_label in OWN or meta.proxy:
            continue
        print(f"[models.{key(meta.db_table)}]")
        for name, value in settings(model).items():
            print(f"{name} = {toml(value)}")
        print()


main()
