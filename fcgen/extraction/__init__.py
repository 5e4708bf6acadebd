"""Documents -> requests -> rows: what is asked of a model about one document, and what became of it.

    Document --Job--> Asked --> Request --Loop--> Extracted

A `Job` says what is asked about every document; a document that asks for itself (`Asked`) is taken at its word. Each
document becomes one row, whatever happens: what is wrong with one is the `error` of its row, and of no other.

`stream.py`, which runs a model, is not imported here: who only reads or writes rows needs no torch.
"""

from fcgen.extraction.job import Example, Job
from fcgen.extraction.rows import Asked, Document, Extracted, RowError, content_of, read_document
from fcgen.extraction.windows import Windows

__all__ = [
    "Asked",
    "Document",
    "Example",
    "Extracted",
    "Job",
    "RowError",
    "Windows",
    "content_of",
    "read_document",
]
