"""What the figures of docs/performance.md are made with: `./run bench NAME`. Nobody imports it."""
