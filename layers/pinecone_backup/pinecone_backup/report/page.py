"""The report as a page for people."""

from pinecone_backup.report.model import Report


def render_page(report: Report, body: bytes) -> str:
    """Stub."""
    return ""
