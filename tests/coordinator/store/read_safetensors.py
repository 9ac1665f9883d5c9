"""Reads a safetensors file without the library's code, by the format's description alone, and
prints each tensor as: name, shape, the values' bytes in hexadecimal; then the metadata."""
import json
import sys

import numpy

with open(sys.argv[1], "rb") as file:
    data = file.read()
length = int.from_bytes(data[:8], "little")
assert (8 + length) % 8 == 0, "the data is not aligned"
assert data[8:9] == b"{", "the header must begin with a brace"
header = json.loads(data[8 : 8 + length].decode("utf-8"))
metadata = header.pop("__metadata__", {})
for name, info in header.items():
    dtype = {"F32": "<f4", "F64": "<f8"}[info["dtype"]]
    begin, end = info["data_offsets"]
    values = numpy.frombuffer(data[8 + length :][begin:end], dtype=dtype).reshape(info["shape"])
    print(name, list(values.shape), values.tobytes().hex())
print(json.dumps(metadata, sort_keys=True, ensure_ascii=False))
