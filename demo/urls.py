from importlib import import_module

from django.conf import settings
from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from demo.pages import lamp

if settings.SKIN == "unfold":
    import_module("demo.unfold_users")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("shop/lamp/<int:number>/", lamp, name="lamp"),
]
