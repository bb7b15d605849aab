"""The archive: what is old leaves the database for Parquet files, and comes back the same.

`outline` says what of an archived event stays, `parquet` how a file looks, `deposit` how things
leave, `reading` how they are read where they lie, `restore` how they come back, `erase` how a file
ends, `check` whether files and database agree. Decision 0058 says why it is so.
"""
