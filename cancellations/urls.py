from django.urls import URLPattern

app_name = "cancellations"
urlpatterns: list[URLPattern] = []
