"""Runs a dialect's golden texts in its database and compares what they give with what queries.sql says.

    python run.py duckdb | datafusion | postgresql://user@127.0.0.1/database

needs the package of that name (for PostgreSQL: psycopg). Sessions are in another time zone than UTC, which must not matter.
"""

import datetime
import pathlib
import sys

TIMES = [
    (1, "2026-03-02 00:07:30", 1772410050),
    (2, "2026-03-15 23:59:59.999", 1773619199),
    (3, "1969-12-31 23:57:00", -180),
]
WEEKS = [202552, 202601, 202610, 202611, 202653, 202553, 202660, 0, -5, 999952, 2601]


def tables(zoned):
    rows = [f"({i}, TIMESTAMP '{t}', {zoned(t)}, DATE '{t[:10]}', CAST({s} AS BIGINT))" for i, t, s in TIMES]
    yield f"CREATE TABLE times AS SELECT * FROM (VALUES {', '.join(rows)}) AS t(id, ts, tz, d, s)"
    weeks = ", ".join(f"({week})" for week in WEEKS)
    yield f"CREATE TABLE weeks AS SELECT * FROM (VALUES {weeks}) AS t(week)"


def connect(database):
    """The dialect, and what runs a statement and gives its first row."""
    if database == "duckdb":
        import duckdb

        connection = duckdb.connect()
        run = lambda sql: (connection.execute(sql).fetchall() or [()])[0]
        zoned = lambda t: f"TIMESTAMPTZ '{t}+00'"
    elif database == "datafusion":
        import datafusion

        context = datafusion.SessionContext()
        context.sql("SET datafusion.execution.time_zone = 'Asia/Tokyo'").collect()

        def run(sql):
            batches = [batch for batch in context.sql(sql).collect() if batch.num_rows]
            return tuple(column[0].as_py() for column in batches[0].columns) if batches else ()

        zoned = lambda t: f"""arrow_cast('{t.replace(" ", "T")}Z', 'Timestamp(Microsecond, Some("America/New_York"))')"""
    else:
        import psycopg

        cursor = psycopg.connect(database).cursor()
        cursor.execute("SET TimeZone = 'America/New_York'")

        def run(sql):
            cursor.execute(sql)
            return cursor.fetchone() if cursor.description else ()

        zoned = lambda t: f"TIMESTAMPTZ '{t}+00'"
        database = "postgres"
    for statement in tables(zoned):
        if database == "postgres":
            statement = statement.replace("CREATE TABLE", "CREATE TEMP TABLE")
        run(statement)
    return database, run


def shown(value):
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return str(utc)[:23]
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


folder = pathlib.Path(__file__).parent
dialect, run = connect(sys.argv[1])
wrong = 0
for query in (folder / f"{dialect}.sql").read_text().strip().split("\n\n"):
    expected = query.splitlines()[0].rpartition(": ")[2]
    found = " ".join(map(shown, run(query)))
    if found != expected:
        wrong += 1
        print(f"{query}\ngives\n{found}\n")
print(f"{dialect}: {wrong} wrong")
sys.exit(wrong > 0)
