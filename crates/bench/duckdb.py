"""Runs SQL in DuckDB and times it. One JSON object a line in, one out:

    {"sql": "…", "rounds": 5}  ->  {"seconds": [0.1, …], "rows": [[…], …]}

A statement that only prepares has one round. Errors are answered, not raised, so that one statement does not end the others.
"""

import json
import sys
import time

import duckdb

connection = duckdb.connect()
# It would stand among the answers.
connection.execute("SET enable_progress_bar = false")
for line in sys.stdin:
    asked = json.loads(line)
    try:
        seconds, rows = [], []
        for _ in range(asked["rounds"]):
            started = time.perf_counter()
            rows = connection.execute(asked["sql"]).fetchall()
            seconds.append(time.perf_counter() - started)
        answer = {"seconds": seconds, "rows": rows}
    except duckdb.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
