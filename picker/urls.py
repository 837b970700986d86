from django.urls import include, path, re_path

from picker import views
from picker.choosing import choose
from picker.missing import missing, thanks
from picker.on_link import without_slash

_of_a_link = [
    path("<str:token>", choose),
    path("<str:token>/confirm", views.confirm),
    path("<str:token>/connect", views.connect),
    path("<str:token>/done", views.done),
    path("<str:token>/missing", missing),
    path("<str:token>/missing/thanks", thanks),
    path("<str:token>/return", views.return_to_app),
    re_path("^[0-9a-f]{32}(?:/[a-z/]*)?/$", without_slash),
]
urlpatterns = [
    path("c/", include(_of_a_link)),
    path("oauth/callback", views.callback),
]
