from django.urls import path

from exports import views

app_name = "exports"
urlpatterns = [
    path("", views.exports, name="exports"),
    path("new/<slug:kind>/", views.new, name="new"),
    path("<int:pk>/file/", views.file, name="file"),
    path("<int:pk>/remove/", views.remove, name="remove"),
]
