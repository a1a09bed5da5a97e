"""Fetches a page plain and compressed, compares it with a file and prints the answers but for the
date: fetch.py URL FILE."""
import gzip
import hashlib
import sys
import urllib.request

url, file = sys.argv[1:]
with open(file, "rb") as source:
    expected = source.read()
for encoding in ("identity", "gzip"):
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request) as response:
        body = response.read()
        print(response.status, hashlib.sha256(body).hexdigest())
        for name, value in response.headers.items():
            if name != "Date":
                print(f"{name}: {value}")
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
    if body != expected:
        sys.exit(f"{url} ({encoding}) differs from {file}")
