# One image for web, workers and beat: compose.yaml says which is which.
FROM node:24-slim AS assets
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
COPY --from=assets /app/node_modules node_modules
RUN pybabel compile --domain django --directory locale
# The static files need settings, and settings need addresses; nothing is asked of them.
RUN DATABASE_URL=postgres://none/none CELERY_BROKER_URL=redis://none/0 python manage.py collectstatic --no-input \
    && rm -rf .local && useradd --system countermand && install -d -o countermand /var/lib/countermand/media /var/lib/countermand/backups
USER countermand
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000"]
