"""Batch jobs: many documents, a durable record of what is done, and a table at the end.

    read_documents --> run_job (an engine, a Job) --> the job's folder (Ledger) --> export

Nothing here but a run itself needs a model: what is read, kept and written needs neither torch nor transformers.
"""

from fcgen.extraction import Asked, Document, Example, Extracted, Job, RowError, Windows
from fcgen.jobs.documents import read_documents
from fcgen.jobs.export import export
from fcgen.jobs.ledger import Ledger
from fcgen.jobs.output import write_rows
from fcgen.jobs.progress import Progress
from fcgen.jobs.run import Summary, extract_batch, run_job

__all__ = [
    "Asked",
    "Document",
    "Example",
    "Extracted",
    "Job",
    "Ledger",
    "Progress",
    "RowError",
    "Summary",
    "Windows",
    "export",
    "extract_batch",
    "read_documents",
    "run_job",
    "write_rows",
]
