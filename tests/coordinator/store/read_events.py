"""Reads a TensorBoard event file by the formats' descriptions alone (TFRecord framing, protobuf wire
format), checks every checksum with a bitwise CRC-32C, and prints one line per event."""
import struct
import sys


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif key & 7 == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        yield key >> 3, value


with open(sys.argv[1], "rb") as file:
    content = file.read()
at = 0
while at < len(content):
    length, check = struct.unpack_from("<QI", content, at)
    assert masked_crc(content[at : at + 8]) == check, "the length's checksum"
    data = content[at + 12 : at + 12 + length]
    assert masked_crc(data) == struct.unpack_from("<I", content, at + 12 + length)[0], "checksum"
    at += 16 + length
    event = dict(fields(data))
    line = "%.3f step %d" % (event[1], event.get(2, 0))
    if 3 in event:
        line += " version " + event[3].decode()
    if 5 in event:
        for _, value in fields(event[5]):
            value = dict(fields(value))
            line += " %s=%.6g" % (value[1].decode(), value.get(2, 0))
    if 7 in event:
        line += " session %d" % dict(fields(event[7]))[1]
    print(line)
