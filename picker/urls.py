from django.urls import path

from picker import views
from picker.choosing import choose
from picker.missing import missing, thanks

urlpatterns = [
    path("c/<str:token>", choose),
    path("c/<str:token>/confirm", views.confirm),
    path("c/<str:token>/connect", views.connect),
    path("c/<str:token>/done", views.done),
    path("c/<str:token>/missing", missing),
    path("c/<str:token>/missing/thanks", thanks),
    path("c/<str:token>/return", views.return_to_app),
    path("oauth/callback", views.callback),
]
