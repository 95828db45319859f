from django.contrib import admin
from django_admin_mcp import MCPAdminMixin

from .models import PressRelease, Tag


@admin.register(PressRelease)
class PressReleaseAdmin(MCPAdminMixin, admin.ModelAdmin):
    mcp_expose = True
    search_fields = ["headline"]


@admin.register(Tag)
class TagAdmin(MCPAdminMixin, admin.ModelAdmin):
    mcp_expose = True
    search_fields = ["word"]
