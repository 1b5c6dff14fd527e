"""Runs SQL in DuckDB and times it. One JSON object a line in, one out:

    {"sql": "…", "rounds": 5}  ->  {"seconds": [0.1, …], "rows": [[…], …]}
    {"delta": "folder"}        ->  {"seconds": [], "rows": [[file], …]}: the live files of a Delta table

A statement that only prepares has one round. Errors are answered, not raised, so that one statement does not end the others.
"""

import json
import sys
import time

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

connection = duckdb.connect()
# It would stand among the answers.
connection.execute("SET enable_progress_bar = false")
for line in sys.stdin:
    asked = json.loads(line)
    try:
        seconds, rows = [], []
        if "delta" in asked:
            rows = [[file] for file in DeltaTable(asked["delta"]).file_uris()]
        for _ in range(asked.get("rounds", 0)):
            started = time.perf_counter()
            rows = connection.execute(asked["sql"]).fetchall()
            seconds.append(time.perf_counter() - started)
        answer = {"seconds": seconds, "rows": rows}
    except (duckdb.Error, DeltaError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
