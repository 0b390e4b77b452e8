"""The audit's report: its model (JSON), how it is built, and the page that shows it."""
