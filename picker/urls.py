from django.urls import path

from picker import views

urlpatterns = [
    path("c/<str:token>", views.choose),
    path("c/<str:token>/confirm", views.confirm),
    path("c/<str:token>/connect", views.connect),
    path("c/<str:token>/done", views.done),
    path("c/<str:token>/return", views.return_to_app),
    path("oauth/callback", views.callback),
]
