"""One look for every form field of the hosted pages."""

from django.forms.renderers import TemplatesSetting


class PageFormRenderer(TemplatesSetting):
    field_template_name = "forms/field.html"
