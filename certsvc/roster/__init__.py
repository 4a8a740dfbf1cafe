"""Files in and out: CSV, XLSX and photos → checked rows, or errors by row and column.

`table` and its two formats (`csv_file`, `xlsx_file`) know columns and cells, not what they mean; `candidates`,
`results`, `paper` and `employer_list` know one file each; `photo` checks portraits; `export` writes. What a row
may do (R3.7, conflicts with what is stored) is decided by the rules and the services. Source: the fixed file formats,
R1, R2.2, R9.
"""
