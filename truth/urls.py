from django.urls import path

from truth import views

app_name = "truth"
urlpatterns = [
    path("", views.disagreements, name="list"),
    path("<int:pk>/", views.disagreement, name="disagreement"),
    path("<int:pk>/repair/", views.repair, name="repair"),
    path("shops/<int:pk>/check/", views.check, name="check"),
]
