from django.contrib import admin
from django_admin_mcp import MCPAdminMixin

from .models import Article, Author, Comment, Contribution, PublishedArticle, Section, Tag


class Exposed(MCPAdminMixin, admin.ModelAdmin):
    mcp_expose = True


class CommentInline(admin.TabularInline):
    model = Comment
    extra = 0


@admin.register(Author)
class AuthorAdmin(Exposed):
    search_fields = ["name", "email"]
    mcp_exclude_fields = ["api_key"]


@admin.register(Tag)
class TagAdmin(Exposed):
    search_fields = ["name"]


@admin.register(Section)
class SectionAdmin(Exposed):
    search_fields = ["name"]


@admin.register(Article)
class ArticleAdmin(Exposed):
    list_display = ["title", "status", "author", "price"]
    list_filter = ["status", "featured", "author__name"]
    search_fields = ["title", "body"]
    readonly_fields = ["created_at"]
    inlines = [CommentInline]
    actions = ["publish", "archive"]

    @admin.action(description="Publish these articles")
    def publish(self, request, queryset):
        count = queryset.update(status=Article.Status.PUBLISHED)
        self.message_user(request, f"{count} articles published")

    @admin.action(description="Archive these articles", permissions=["delete"])
    def archive(self, request, queryset):
        queryset.update(status=Article.Status.ARCHIVED)


@admin.register(Comment)
class CommentAdmin(Exposed):
    search_fields = ["name", "body"]


@admin.register(Contribution)
class ContributionAdmin(Exposed):
    search_fields = ["role"]


@admin.register(PublishedArticle)
class PublishedArticleAdmin(Exposed):
    search_fields = ["title"]
