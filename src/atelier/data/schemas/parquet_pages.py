"""Sizes of the pages of a parquet file, read from their headers: a page is decompressed whole, whatever its size.

The headers are in Thrift's compact protocol. pyarrow does not give them, and the sizes in the file's metadata are of
whole columns, or wrong in a file that is made to be.
"""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow.parquet as pq

_MAX_DEPTH, _MAX_FIELDS = 4, 64  # of structs in a header; real ones have two levels and ten fields


def page_sizes(stream: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Iterator[int]:
    """Yield the bytes that each page of a column chunk takes once decompressed.

    Raises:
        ValueError: a header is damaged.
    """
    place = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        place = min(place, chunk.dictionary_page_offset)
    end = place + chunk.total_compressed_size
    while place < end:
        stream.seek(place)
        numbers = _read_struct(stream, 0)
        size, stored = numbers.get(2, -1), numbers.get(3, -1)
        if size < 0 or stored < 0:
            raise ValueError("a page without a size")
        yield size
        place = stream.tell() + stored


def _read_struct(stream: BinaryIO, depth: int) -> dict[int, int]:
    """Read a struct to its end; return its whole numbers by field number."""
    numbers: dict[int, int] = {}
    field = 0
    for _ in range(_MAX_FIELDS):
        if not (head := _read_byte(stream)):
            return numbers
        field = field + (head >> 4) if head >> 4 else _read_signed(stream)
        kind = head & 15
        if kind in (4, 5, 6):
            numbers[field] = _read_signed(stream)
        elif kind > 2:  # 1 and 2 are true and false, without a value of their own
            _skip(stream, kind, depth)
    raise ValueError("the header of a page has no end")


def _skip(stream: BinaryIO, kind: int, depth: int) -> None:
    """Skip a value of a kind: 3 byte, 4 to 6 integer, 7 double, 8 bytes, 9 list, 10 set, 12 struct."""
    if kind in (1, 2, 3, 7):
        stream.seek(8 if kind == 7 else 1, 1)
    elif kind in (4, 5, 6):
        _read_varint(stream)
    elif kind == 8:
        stream.seek(_read_varint(stream), 1)
    elif kind in (9, 10):
        head = _read_byte(stream)
        count = head >> 4 if head >> 4 < 15 else _read_varint(stream)
        if count > _MAX_FIELDS:
            raise ValueError("a long list in the header of a page")
        for _ in range(count):
            _skip(stream, head & 15, depth)
    elif kind == 12 and depth < _MAX_DEPTH:
        _read_struct(stream, depth + 1)
    else:
        raise ValueError("an unknown value in the header of a page")


def _read_signed(stream: BinaryIO) -> int:
    value = _read_varint(stream)
    return (value >> 1) ^ -(value & 1)


def _read_varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = _read_byte(stream)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError("a number of too many bytes in the header of a page")


def _read_byte(stream: BinaryIO) -> int:
    byte = stream.read(1)
    if not byte:
        raise ValueError("a header of a page is cut off")
    return byte[0]
