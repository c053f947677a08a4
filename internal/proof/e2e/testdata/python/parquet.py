"""Reads the tables that export writes and prints their sums, as one JSON object."""

import argparse
import json

import duckdb

parser = argparse.ArgumentParser()
parser.add_argument("--windows", required=True)
parser.add_argument("--reactions", required=True)
args = parser.parse_args()

db = duckdb.connect()


def sums(path, number):
    query = f"SELECT channel || ' ' || emoji_type, {number} FROM read_parquet(?) GROUP BY ALL"
    return dict(db.execute(query, [path]).fetchall())


first, last, shorter, rows = db.execute(
    "SELECT min(epoch_ms(window_start)), max(epoch_ms(window_end)),"
    " count(*) FILTER (window_end - window_start <> INTERVAL 2 SECOND), count(*) FROM read_parquet(?)",
    [args.windows],
).fetchone()
(users,) = db.execute("SELECT count(DISTINCT user_id) FROM read_parquet(?)", [args.reactions]).fetchone()
print(json.dumps({
    "windows": sums(args.windows, "CAST(sum(emoji_count) AS BIGINT)"),
    "reactions": sums(args.reactions, "count(*)"),
    "first_ms": first,
    "last_ms": last,
    "odd": shorter,
    "rows": rows,
    "users": users,
}))
