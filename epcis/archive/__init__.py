"""The archive: old events and documents move from the database into Parquet files.

`outline` is the part of an archived event that stays in the database, `parquet` the format of a
file. `deposit` writes the files, `reading` reads events out of them, `restore` brings them back,
`erase` destroys a file, `check` compares files and database. Decision 0058 gives the reasons.
"""
