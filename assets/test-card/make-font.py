#!/usr/bin/env python3
"""Rasterises DejaVu Sans into font.c: printable ASCII and a few signs, two sizes.

Run by hand when the font changes: make-font.py > font.c. Needs libfreetype.
"""
import ctypes as c
import sys

REGULAR = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
TITLE = "Orangery test card"
SIZES = ((17, None), (32, None), (56, TITLE))  # size and, for the biggest, the only characters wanted
SIGNS = [chr(n) for n in range(32, 127)] + ["\u2713", "\u2013", "\u00b7", "\u2026", "\u2717"]

ft = c.CDLL("libfreetype.so.6")


class Vector(c.Structure):
    _fields_ = [("x", c.c_long), ("y", c.c_long)]


class Generic(c.Structure):
    _fields_ = [("data", c.c_void_p), ("finalizer", c.c_void_p)]


class Box(c.Structure):
    _fields_ = [(n, c.c_long) for n in ("x0", "y0", "x1", "y1")]


class Bitmap(c.Structure):
    _fields_ = [("rows", c.c_uint), ("width", c.c_uint), ("pitch", c.c_int),
                ("buffer", c.POINTER(c.c_ubyte)), ("grays", c.c_ushort),
                ("mode", c.c_ubyte), ("palette_mode", c.c_ubyte), ("palette", c.c_void_p)]


class Slot(c.Structure):
    _fields_ = [("library", c.c_void_p), ("face", c.c_void_p), ("next", c.c_void_p),
                ("index", c.c_uint), ("generic", Generic), ("metrics", c.c_long * 8),
                ("linear_x", c.c_long), ("linear_y", c.c_long), ("advance", Vector),
                ("format", c.c_int), ("bitmap", Bitmap), ("left", c.c_int), ("top", c.c_int)]


class Face(c.Structure):
    _fields_ = [("counts", c.c_long * 5), ("family", c.c_char_p), ("style", c.c_char_p),
                ("fixed", c.c_int), ("sizes", c.c_void_p), ("maps", c.c_int),
                ("charmaps", c.c_void_p), ("generic", Generic), ("box", Box),
                ("units", c.c_ushort), ("metrics", c.c_short * 7), ("slot", c.POINTER(Slot))]


def main():
    library, face = c.c_void_p(), c.POINTER(Face)()
    assert ft.FT_Init_FreeType(c.byref(library)) == 0
    assert ft.FT_New_Face(library, REGULAR.encode(), c.c_long(0), c.byref(face)) == 0
    print("/* DejaVu Sans as alpha bitmaps, made by make-font.py; licence in LICENSE. */")
    print('#include "card.h"\n')
    for size, only in SIZES:
        ft.FT_Set_Pixel_Sizes(face, 0, size)
        alpha, glyphs = [], []
        for sign in SIGNS:
            if only and sign not in only:
                glyphs.append((0, 0, 0, 0, 0, 0))
                continue
            # FT_LOAD_RENDER with light hinting: vertical only, so that words keep their rhythm.
            assert ft.FT_Load_Char(face, c.c_ulong(ord(sign)), c.c_int32(4 | (1 << 16))) == 0
            slot = face.contents.slot.contents
            b = slot.bitmap
            glyphs.append((len(alpha), b.width, b.rows, slot.left, slot.top, (slot.advance.x + 32) >> 6))
            for y in range(b.rows):
                alpha.extend(b.buffer[y * b.pitch + x] for x in range(b.width))
        print(f"static const u8 alpha_{size}[] = {{")
        for i in range(0, len(alpha), 32):
            print(",".join(str(a) for a in alpha[i:i + 32]) + ",")
        print("};")
        print(f"const struct font font_{size} = {{ {size}, alpha_{size}, {{")
        for g in glyphs:
            print("{" + ",".join(str(n) for n in g) + "},")
        print("} };\n")


sys.exit(main())
