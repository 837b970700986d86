"""The pretend health systems have no pages in the staff's admin: what their servers store are tokens."""

from django.apps import apps
from django.contrib import admin

for model in apps.get_app_config("oauth2_provider").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
