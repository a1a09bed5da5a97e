"""Fetches a page plain and compressed, and compares it with a file: fetch.py URL FILE."""
import gzip
import sys
import urllib.request

url, file = sys.argv[1:]
with open(file, "rb") as source:
    expected = source.read()
for encoding in ("identity", "gzip"):
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request) as response:
        body = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
    if body != expected:
        sys.exit(f"{url} ({encoding}) differs from {file}")
