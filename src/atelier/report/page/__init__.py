"""The report as one self-contained HTML page: `write_page(path, PageData(...))`."""

from atelier.report.page.data import PageData
from atelier.report.page.style import page_style
from atelier.report.page.write import write_page

__all__ = ["PageData", "page_style", "write_page"]
