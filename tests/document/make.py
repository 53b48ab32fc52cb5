"""make.py ROOT: what `cd ROOT && duckdb g/reports/perf.duckdb < create_views.sql` makes. Needs the package duckdb."""
import os
import sys

import duckdb

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(sys.argv[1])
with open(os.path.join(here, "create_views.sql"), encoding="utf-8") as views:
    duckdb.connect("g/reports/perf.duckdb").execute(views.read())
