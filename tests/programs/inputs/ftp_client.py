"""Transfers of an anonymous client, then of four at once; prints
the answers and sums of contents: ftp_client.py PORT FILE, which is uploaded."""
import ftplib
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor

port, upload = int(sys.argv[1]), sys.argv[2]


def session(number):
    said = []
    with ftplib.FTP(timeout=60) as client:
        client.connect("127.0.0.1", port)
        said.append(client.login())
        names = []
        said.append(client.retrlines("NLST", names.append))
        said.append(f"{len(names)} names")
        lines = []
        said.append(client.retrlines("LIST", lines.append))
        said.append(f"{len(lines)} lines")
        for name in ("size-0", "size-1", "size-1000", "size-70000", "large"):
            sum_of = hashlib.sha256()
            said.append(client.retrbinary(f"RETR {name}", sum_of.update))
            said.append(f"{name} {sum_of.hexdigest()}")
        client.cwd("incoming")
        with open(upload, "rb") as source:
            said.append(client.storbinary(f"STOR large-{number}", source))
        said.append(client.quit())
    return said


with ThreadPoolExecutor(4) as pool:
    for said in [session(0), *pool.map(session, range(1, 5))]:
        print("\n".join(said))
