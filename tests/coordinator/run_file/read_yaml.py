"""What PyYAML, a reader of YAML 1.1, makes of a file: a line a leaf, PATH, TYPE and VALUE with tabs between.

VALUE is hexadecimal for text (of its UTF-8) and for floats (of the IEEE double, NaNs alike).
"""
import struct
import sys

import yaml


def show(path, node):
    if isinstance(node, dict):
        for key, value in node.items():
            if not isinstance(key, str):
                print(path, "key", repr(key), sep="\t")
            show(f"{path}.{key}" if path else str(key), value)
    elif isinstance(node, list):
        for i, value in enumerate(node):
            show(f"{path}[{i}]", value)
    elif isinstance(node, str):
        print(path, "str", node.encode("utf-8", "surrogatepass").hex() or "-", sep="\t")
    elif isinstance(node, float):
        print(path, "float", "nan" if node != node else struct.pack(">d", node).hex(), sep="\t")
    else:
        print(path, type(node).__name__, node, sep="\t")


with open(sys.argv[1], encoding="utf-8", newline="") as file:
    show("", yaml.safe_load(file))
