from django.apps import AppConfig


class PressConfig(AppConfig):
    name = "press"
    # Other than the module's: permissions begin with it.
    label = "newsdesk"
